"""Where a figure comes from: the images it was measured on and the revision of this source."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from appliance.core.errors import NotFound

ROOT = Path(__file__).resolve().parents[1]
_PATIENCE_S = 20


def data_root(given: str | Path | None) -> Path:
    """The folder with the images that ``--data`` or ``NEURALSCAN_DATA`` names.

    Raises
    ------
    NotFound
        When neither names one, or what is named is no folder.
    """
    named = given or os.environ.get("NEURALSCAN_DATA")
    if not named or not Path(named).is_dir():
        raise NotFound(
            "expected a data root: --data DIR or NEURALSCAN_DATA (see training/README.md)"
        )
    return Path(named)


def commit(root: Path = ROOT) -> str:
    """Source revision, with ``+`` when files differ from it; empty outside a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
        )
        return done.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root.resolve():
            return ""
        revision = git("rev-parse", "--short=12", "HEAD")
        return revision + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return ""
