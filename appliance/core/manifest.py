"""The model card as data: what a package is, how it is fed, how it is read, what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.core.errors import ManifestError
from appliance.core.preprocess import Preprocessing
from appliance.core.types import LABELS
from appliance.core.verdict import Rule

MANIFEST_SCHEMA = "neuralscan/manifest/1"
ENGINES = ("openvino",)

_REQUIRED = {
    "schema": str,
    "name": str,
    "title": str,
    "version": str,
    "engine": str,
    "task": list,
    "labels": list,
    "layout": str,
    "outputs": dict,
    "preprocessing": dict,
    "verdict": dict,
    "accepts": dict,
    "files": dict,
    "probe": dict,
    "metrics": dict,
    "provenance": dict,
    "licence": str,
    "intended_use": str,
    "limits": list,
}


@dataclass(frozen=True)
class Manifest:
    """A parsed, checked manifest.

    Attributes
    ----------
    name, version : str
        Together they identify the package.
    labels : tuple of str
        Order of the class axis.
    outputs : mapping
        The readings by name (``logits``, ``mask``, ``cam``, ``embedding``) to output names.
    preprocessing : Preprocessing
    verdict : Rule
    accepts : mapping
        ``modalities`` and ``sequences`` the networks were trained on.
    files : mapping
        Path inside the package to ``{"sha256", "bytes"}``.
    document : mapping
        The whole card, unknown keys included.
    """

    name: str
    title: str
    version: str
    engine: str
    labels: tuple[str, ...]
    outputs: Mapping[str, str]
    preprocessing: Preprocessing
    verdict: Rule
    accepts: Mapping[str, list[str]]
    files: Mapping[str, Mapping[str, Any]]
    probe: Mapping[str, Any]
    document: Mapping[str, Any] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The card."""
        return dict(self.document)


def _check_types(document: Mapping[str, Any]) -> None:
    for key, kind in _REQUIRED.items():
        if key not in document:
            raise ManifestError(f"the manifest lacks {key!r}")
        if not isinstance(document[key], kind):
            found = type(document[key]).__name__
            raise ManifestError(f"manifest {key!r} is a {found}, expected {kind.__name__}")


def parse(document: Any) -> Manifest:
    """Parse and validate a manifest.

    Parameters
    ----------
    document : mapping
        Decoded JSON.

    Raises
    ------
    ManifestError
        When a key is missing, has a wrong type, or contradicts what this version understands.

    Examples
    --------
    >>> parse({"schema": "neuralscan/manifest/1"})
    Traceback (most recent call last):
    ...
    appliance.core.errors.ManifestError: the manifest lacks 'name'
    """
    if not isinstance(document, Mapping):
        raise ManifestError("a manifest is a JSON object")
    if document.get("schema") != MANIFEST_SCHEMA:
        raise ManifestError(
            f"expected schema {MANIFEST_SCHEMA}, found {document.get('schema')!r}; "
            "the package was made for another version of this software"
        )
    _check_types(document)
    if document["engine"] not in ENGINES:
        raise ManifestError(f"engine {document['engine']!r} is unknown, known are {ENGINES}")
    if tuple(document["labels"]) != LABELS:
        raise ManifestError(f"labels are {document['labels']}, expected {list(LABELS)}")
    if document["layout"] != document["preprocessing"].get("layout", "NHWC"):
        raise ManifestError("layout and preprocessing.layout differ")
    if missing := {"logits", "mask", "cam", "embedding"} - set(document["outputs"]):
        raise ManifestError(f"outputs lack {sorted(missing)}")
    for path, entry in document["files"].items():
        parts = path.split("/")
        if path.startswith("/") or ".." in parts or "\\" in path or not all(parts):
            raise ManifestError(f"file path {path!r} leaves the package")
        if not isinstance(entry, Mapping) or not {"sha256", "bytes"} <= set(entry):
            raise ManifestError(f"file {path!r} needs sha256 and bytes")
    if missing := {"model.xml", "model.bin"} - set(document["files"]):
        raise ManifestError(f"files lack {sorted(missing)}")
    accepts = document["accepts"]
    if not all(isinstance(accepts.get(key), list) for key in ("modalities", "sequences")):
        raise ManifestError("accepts needs the lists modalities and sequences")
    return Manifest(
        name=document["name"],
        title=document["title"],
        version=document["version"],
        engine=document["engine"],
        labels=tuple(document["labels"]),
        outputs=dict(document["outputs"]),
        preprocessing=Preprocessing.from_json(document["preprocessing"]),
        verdict=Rule.from_json(document["verdict"]),
        accepts=accepts,
        files=document["files"],
        probe=document["probe"],
        document=document,
    )
