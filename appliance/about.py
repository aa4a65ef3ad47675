"""What runs here: this server and its model packages."""

from __future__ import annotations

from typing import Any

from appliance import NOTICE, __version__
from appliance.core.types import LABELS
from appliance.registry import list_packages
from appliance.render import OVERLAYS
from appliance.service import Service
from ui import STATIC


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
        "linked": settings.linked,
    }
