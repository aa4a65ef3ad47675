"""What ``fuse`` leaves behind: the fused image and its document, beside registration's files."""

from __future__ import annotations

import json
from pathlib import Path

from appliance import nifti
from appliance.atomic import put_file
from appliance.core.types import Series
from appliance.fusion.fuse import Fusion
from appliance.registration import outputs as registration_outputs
from appliance.registration.register import is_flat

DOCUMENT = "fusion.json"


def write(found: Fusion, fixed: Series, moving: Series, folder: Path) -> dict[str, Path]:
    """Write registration's files, ``fusion.json``, and ``fused.png`` or ``fused.nii.gz``.

    After a refusal a fused image of an earlier run is removed: nothing there claims to be one.
    """
    paths = registration_outputs.write(found.registration, fixed, moving, folder)
    name = "fused.png" if is_flat(fixed) else "fused.nii.gz"
    path = folder / name
    if found.volume is None:
        path.unlink(missing_ok=True)
    else:
        flat = is_flat(fixed)
        data = registration_outputs.picture(found.volume) if flat else nifti.to_bytes(found.volume)
        put_file(path, data)
        paths[name] = path
    put_file(folder / DOCUMENT, (json.dumps(found.to_json(), indent=1) + "\n").encode())
    return {**paths, DOCUMENT: folder / DOCUMENT}
