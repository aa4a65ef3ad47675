"""Where the data is."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.core.errors import NotFound


def data_root(given: str | Path | None) -> Path:
    """The data root from ``--data`` or ``NEURALSCAN_DATA``; raises NotFound."""
    root = given or os.environ.get("NEURALSCAN_DATA")
    if not root or not Path(root).is_dir():
        raise NotFound(
            "expected a data root: --data DIR or NEURALSCAN_DATA (see training/README.md)"
        )
    return Path(root)
