"""What a DICOM file says about where it came from, for objects that refer back to it.

References
----------
DICOM PS3.3 C.7.1.1 (patient), C.7.2.1 (study), C.7.4.1 (frame of reference).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pydicom

from appliance.core.types import Series, Source, Study
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


@dataclass(frozen=True)
class Origin:
    """What the pseudonyms of one study stand for: the secret that a linked mode keeps.

    Parameters
    ----------
    headers : mapping of str to (mapping of str to str)
        The attributes of `LINKING`, by the pseudonym of the series.
    uids : mapping of str to str
        The original UID, by pseudonym: of series, images and frames of reference.
    """

    headers: Mapping[str, Mapping[str, str]] = field(repr=False)
    uids: Mapping[str, str] = field(repr=False)

    @classmethod
    def between(cls, original: Study, renamed: Study) -> Origin | None:
        """What was lost from a study that was read linked to the same one under pseudonyms.

        None when there is nothing to go back to: no DICOM images.
        """
        headers: dict[str, Mapping[str, str]] = {}
        uids: dict[str, str] = {}
        for before, after in zip(original.series, renamed.series, strict=True):
            old, new = before.source, after.source
            if old is None or new is None or not old.header:
                continue
            headers[after.series_instance_uid] = dict(old.header)
            uids[after.series_instance_uid] = before.series_instance_uid
            uids[new.frame_of_reference_uid] = old.frame_of_reference_uid
            for (was, _), (now, _) in zip(old.instances, new.instances, strict=True):
                uids[now] = was
        return cls(headers, uids) if headers else None

    @classmethod
    def together(cls, parts: Iterable[Origin]) -> Origin:
        """All of them in one; what came later wins."""
        headers: dict[str, Mapping[str, str]] = {}
        uids: dict[str, str] = {}
        for part in parts:
            headers.update(part.headers)
            uids.update(part.uids)
        return cls(headers, uids)

    def restored(self, series: Series) -> Series:
        """A series of this study under its own identifiers, for objects that go back.

        Returns
        -------
        Series
            The very series given where this origin does not know all of it (it was added while
            the linked mode was off): under pseudonyms as a whole rather than in part.

        Examples
        --------
        >>> import numpy as np
        >>> from appliance.core.types import Volume
        >>> named = Series(Volume(np.zeros((1, 2, 2))), "dicom", "MR", "ab", "MR",
        ...     series_instance_uid="9", source=Source("1.2", (("8", 0),)))
        >>> origin = Origin({"9": {"PatientName": "Doe"}}, {"9": "1.9", "8": "1.8"})
        >>> origin.restored(named).source.instances
        (('1.8', 0),)
        """
        source, own = series.source, series.series_instance_uid
        key = own if own in self.headers else own.rpartition(".")[0]  # a second stack of its name
        if source is None or key not in self.headers:
            return series
        if any(uid not in self.uids for uid, _ in source.instances):
            return series
        header = self.headers[key]
        frame = source.frame_of_reference_uid
        return replace(
            series,
            series_instance_uid=self.uids.get(key, own),
            study_instance_uid=header.get("StudyInstanceUID") or series.study_instance_uid,
            source=replace(
                source,
                instances=tuple((self.uids[uid], number) for uid, number in source.instances),
                frame_of_reference_uid=self.uids.get(frame, frame),
                header=dict(header),
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; `Origin(**document)` makes it again."""
        return {
            "headers": {key: dict(header) for key, header in self.headers.items()},
            "uids": dict(self.uids),
        }
