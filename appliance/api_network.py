"""``/api/v1/network``: what came in over the network, what was turned away, what was sent."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from appliance.asked import service
from appliance.core.errors import NotFound
from appliance.links import BASE

blueprint = Blueprint("network", __name__, url_prefix=f"{BASE}/network")
_OFF: dict[str, Any] = {"dicom": None, "incoming": None, "outbox": None, "watch": None}


@blueprint.get("")
def status() -> dict[str, Any]:
    """Port, peers, what was received, refused and sent since the start; null where a part is off.
    ---
    answers: {200: Network}
    """
    network = service().network
    return dict(_OFF) if network is None else network.status()


@blueprint.post("/retry")
def retry() -> dict[str, Any]:
    """Try to send again what could not be sent.
    ---
    answers: {200: Retried, 404: Error}
    """
    network = service().network
    if network is None or network.outbox is None:
        raise NotFound("results are not sent anywhere; serve with --push HOST:PORT:AET")
    return {"retried": network.outbox.retry()}
