"""A registration found before, read back from its ``registration.json``."""

from __future__ import annotations

import json
from pathlib import Path

from appliance.core.errors import BadRequest, GeometryError
from appliance.core.transforms import checked_transform
from appliance.core.types import Series
from appliance.registration.register import LPS_MM, PIXEL, SCHEMA, Registration, is_flat
from appliance.registration.verdict import DOUBTFUL, FAILED, GOOD


def read_registration(path: Path, fixed: Series, moving: Series) -> Registration:
    """The registration a file describes, checked to fit two series.

    Raises
    ------
    BadRequest
        When it is none, or one of another kind of images.
    GeometryError
        When its matrix is no invertible transform.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r}")
        if document["verdict"] not in (GOOD, DOUBTFUL, FAILED):
            raise ValueError(f"verdict {document['verdict']!r}")
        found = Registration(
            document["verdict"],
            tuple(str(reason) for reason in document["reasons"]),
            document["space"],
            checked_transform(document["matrix"]),
            str(document.get("model", "unknown")),
            dict(document.get("metrics", {})),
        )
    except GeometryError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"{path.name}: expected a registration.json as `neuralscan register` writes it, "
            f"found {error}"
        ) from error
    if is_flat(fixed) != is_flat(moving):
        raise GeometryError("expected two pictures or two volumes, found one of each")
    wanted, size = (PIXEL, 3) if is_flat(fixed) else (LPS_MM, 4)
    if found.space != wanted or len(found.matrix) != size:
        raise BadRequest(
            f"{path.name}: expected a transform in {wanted}, found one in {found.space}; "
            "it belongs to another kind of images"
        )
    return found
