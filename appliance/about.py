"""What runs here: this server, its model packages, and what was measured of them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from appliance import NOTICE, __version__
from appliance.core.types import LABELS
from appliance.registry import list_packages
from appliance.render import OVERLAYS
from appliance.service import Service
from ui import STATIC

logger = logging.getLogger(__name__)
SHIPPED_ROWS = Path(__file__).parent / "benchmarks"


def packages(service: Service) -> list[dict[str, Any]]:
    """The cards of all packages, and which one is served."""
    served = getattr(service.built, "package", None)
    return [
        {
            "name": package.name,
            "version": package.version,
            "active": served is not None and package.path == served.path,
            "manifest": package.manifest.to_json(),
        }
        for package in list_packages(service.settings.sources)
    ]


def benchmarks(data: Path) -> list[dict[str, Any]]:
    """Measured rows: shipped ones, then those under ``benchmarks/`` of the data folder.

    Parameters
    ----------
    data : Path
        The data folder. A file holds a row, a list of rows or ``{"rows": [...]}``.
    """
    rows: list[dict[str, Any]] = []
    for folder in (SHIPPED_ROWS, data / "benchmarks"):
        for path in sorted(folder.glob("*.json")):
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                logger.warning("benchmark rows in %s cannot be read", path.name)
                continue
            found = document.get("rows", [document]) if isinstance(document, dict) else document
            rows += [row for row in found if isinstance(row, dict)]
    return rows


def server(service: Service) -> dict[str, Any]:
    """What a page wants to know before its first request."""
    settings, served = service.settings, service.built if service.ready else None
    package = getattr(served, "package", None)
    return {
        "version": __version__,
        "notice": NOTICE,
        "ready": service.ready,
        "device": getattr(served, "device", settings.device),
        "model": package and {"name": package.name, "version": package.version},
        "labels": list(LABELS),
        "languages": sorted(path.stem for path in STATIC.glob("locales/*.json")),
        "overlays": list(OVERLAYS),
        "limits": {
            "upload_bytes": settings.upload_bytes,
            "files": settings.upload_files,
            "queue": settings.queue,
        },
        "demo": settings.demo,
    }
