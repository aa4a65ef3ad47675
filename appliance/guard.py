"""Who may talk to the server, and what browsers are told: a local appliance has no login.

A page elsewhere could reach a loopback server through the visitor's browser: by a name that
resolves here (DNS rebinding) or by posting a form. The first is stopped by the ``Host`` header,
the second by ``Sec-Fetch-Site`` and ``Origin``.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from appliance.links import BASE
from appliance.settings import Settings

CSP = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
_SAFE = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def host_of(netloc: str) -> str:
    """The name in a ``Host`` header, without port; empty when it is malformed.

    Examples
    --------
    >>> host_of("LOCALHOST:8080"), host_of("[::1]:80"), host_of("a b")
    ('localhost', '::1', '')
    """
    try:
        parts = urlsplit(f"//{netloc}")
        if parts.netloc != netloc or parts.username or " " in netloc:
            return ""
        return (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def may_call(host: str, settings: Settings) -> bool:
    """Whether a browser may call the server by this name.

    Bound to every address, any literal address will do (a rebinding attack needs a name), and
    this machine's own name.
    """
    allowed = _LOOPBACK | {settings.host.lower(), *(h.lower() for h in settings.allowed_hosts)}
    if host in allowed:
        return True
    if settings.host in ("0.0.0.0", "::", "*"):
        return _is_address(host) or host == socket.gethostname().lower()
    return False


def _check_host(settings: Settings) -> None:
    if not may_call(host_of(request.headers.get("Host", request.host)), settings):
        abort(403, "this name is not known here; add it to NEURALSCAN_ALLOWED_HOSTS")


def _same_host(origin: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == request.host.lower()
    except ValueError:
        return False


def _check_origin() -> None:
    if request.method in _SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        abort(403, "calls that change something come from this server's own page only")
    if origin is not None and not _same_host(origin):
        abort(403, "calls that change something come from this server's own page only")


def _harden(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith(BASE):
        response.headers["Cache-Control"] = "no-store"
    elif "Cache-Control" not in response.headers or request.path.startswith("/static"):
        response.headers["Cache-Control"] = "no-cache"
    return response


def register(app: Flask, settings: Settings) -> None:
    """Check every request and harden every answer of an application."""

    @app.before_request
    def _check() -> None:
        _check_host(settings)
        _check_origin()

    app.after_request(_harden)
