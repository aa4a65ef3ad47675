"""Generated heads with known truth, from openly licensed anatomy.

The brain is the MNI152 template that nilearn carries; skull, scalp, face and lesions are
computed. Nothing here is a patient.

>>> from appliance.phantom import make
>>> head = make("meningioma", seed=1, shape=(8, 32, 32), spacing_mm=(20.0, 7.0, 7.0))
>>> head.label, head.volume.shape
('meningioma', (8, 32, 32))
"""

from appliance.phantom.lesions import LESIONS
from appliance.phantom.paint import CONTRASTS, Paint
from appliance.phantom.person import Person, make_person
from appliance.phantom.samples import FORMATS, demo_studies, generate, save
from appliance.phantom.scan import PhantomVolume, make, slice_of
from appliance.phantom.unsuitable import UNSUITABLE, write_unsuitable
from appliance.phantom.writers import (
    best_slice,
    dicom_slice,
    picture,
    write_dicom,
    write_nifti,
    write_png,
    write_truth,
)

__all__ = [
    "CONTRASTS",
    "FORMATS",
    "LESIONS",
    "UNSUITABLE",
    "Paint",
    "Person",
    "PhantomVolume",
    "best_slice",
    "demo_studies",
    "dicom_slice",
    "generate",
    "make",
    "make_person",
    "picture",
    "save",
    "slice_of",
    "write_dicom",
    "write_nifti",
    "write_png",
    "write_truth",
    "write_unsuitable",
]
