"""Where the images are: ``--data`` or ``NEURALSCAN_DATA``."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.core.errors import NotFound


def data_root(given: str | Path | None) -> Path:
    """The data root that was named.

    Raises
    ------
    NotFound
        When none was named or it is no folder.
    """
    named = given or os.environ.get("NEURALSCAN_DATA")
    if not named or not Path(named).is_dir():
        raise NotFound(
            "expected a data root: --data DIR or NEURALSCAN_DATA (see training/README.md)"
        )
    return Path(named)
