"""What a DICOM file says about where it came from, for objects that refer back to it.

References
----------
DICOM PS3.3 C.7.1.1 (patient), C.7.2.1 (study), C.7.4.1 (frame of reference).
"""

from __future__ import annotations

import pydicom

from appliance.core.types import Source
from appliance.dicom_values import text

LINKING = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""What an object needs to be filed with its source: the attributes that name patient and study."""


def origin_of(dataset: pydicom.Dataset, linked: bool = False) -> Source | None:
    """What all frames of a file have in common; None without a SOP class.

    Parameters
    ----------
    linked : bool
        Keep the attributes of `LINKING`; else none of them is looked at.
    """
    sop_class = text(dataset, "SOPClassUID")
    if not sop_class:
        return None
    return Source(
        sop_class,
        (),
        frame_of_reference_uid=text(dataset, "FrameOfReferenceUID"),
        burned_in=text(dataset, "BurnedInAnnotation").upper() == "YES",
        lossy=text(dataset, "LossyImageCompression") == "01",
        header={key: text(dataset, key) for key in LINKING} if linked else {},
    )
