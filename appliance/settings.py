"""Where data lives, what is bound, how much is taken on: one frozen value, built once.

Flags win over ``NEURALSCAN_*``, and those win over the defaults below.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core.errors import BadRequest
from appliance.limits import Limits
from appliance.settings_network import NetworkSettings

if TYPE_CHECKING:
    from appliance.registry import Sources

PREFIX = "NEURALSCAN_"
_YES, _NO = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}


def default_data(env: Mapping[str, str]) -> Path:
    """The user's data folder for this program, by the XDG rule.

    Examples
    --------
    >>> default_data({"XDG_DATA_HOME": "/x"}).as_posix()
    '/x/neuralscan'
    >>> default_data({"HOME": "/home/ada"}).as_posix()
    '/home/ada/.local/share/neuralscan'
    """
    if env.get("XDG_DATA_HOME"):
        return Path(env["XDG_DATA_HOME"]) / "neuralscan"
    if env.get("LOCALAPPDATA"):
        return Path(env["LOCALAPPDATA"]) / "neuralscan"
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    return home / ".local" / "share" / "neuralscan"


def default_key(env: Mapping[str, str]) -> Path:
    """Where the key of the linked mode lies: with the user's configuration, not with the data.

    Examples
    --------
    >>> default_key({"XDG_CONFIG_HOME": "/x"}).as_posix()
    '/x/neuralscan/identity.key'
    """
    given = env.get("XDG_CONFIG_HOME") or env.get("APPDATA")
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    return (Path(given) if given else home / ".config") / "neuralscan" / "identity.key"


@dataclass(frozen=True)
class Settings(NetworkSettings):
    """Everything that can be chosen about a running appliance; the network's part is inherited.

    Attributes
    ----------
    data : Path
        Folder for studies, results, the index and the compiled-model cache.
    host, port : str, int
        Where it listens; loopback unless told otherwise. Port 0 takes a free one.
    allowed_hosts : tuple of str
        Further names a browser may call this server by (a reverse proxy's name).
    device : str
        OpenVINO device.
    tuning : bool
        Take over what ``neuralscan doctor --save`` measured here; a named `device` keeps it only
        where it was measured on that one.
    backend : str
        ``kserve://HOST:PORT[/MODEL[/VERSION]]``: a server that runs the network; empty for this
        process.
    models : tuple of Path
        Further folders with model packages, searched before installed ones and the shipped one.
    trust : Path, optional
        Folder of the public keys whose signed packages are used; ``trusted`` below `data` where
        None.
    require_signature : bool
        Refuse packages without a signature; the shipped ones are part of the software.
    upload_bytes, upload_files : int
        Of one request.
    workers : int
        Jobs that run at the same time.
    threads : int
        Threads that answer requests; more than `workers`.
    queue : int
        Jobs that may wait; one more is answered with 503.
    wait_s : float
        How long a direct analysis waits for its turn before it is answered with 503.
    recent : int
        Direct analyses whose pictures are kept in memory.
    library : int
        Cases the local library may hold.
    keep_names : bool
        Keep the names of uploaded pictures and NIfTI files in stored studies. A file's name may be
        a person's, so a generated one is kept unless this is chosen.
    linked : bool
        Keep the original identifiers of DICOM studies, encrypted, and write DICOM objects under
        them. Without it nobody's identifiers are kept, and objects carry pseudonyms.
    identity_key : Path, optional
        The file of the key that the linked mode encrypts with; outside the data folder.
    demo : bool
        Load generated sample studies.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()
    device: str = "AUTO"
    tuning: bool = True
    backend: str = ""
    models: tuple[Path, ...] = ()
    trust: Path | None = None
    require_signature: bool = False
    upload_bytes: int = 1 << 30
    upload_files: int = 5000
    workers: int = 1
    threads: int = 6
    queue: int = 64
    wait_s: float = 20.0
    recent: int = 64
    library: int = 2000
    keep_names: bool = False
    linked: bool = False
    identity_key: Path | None = None
    demo: bool = False

    def __post_init__(self) -> None:
        _require(0 <= self.port <= 65535, "port", self.port, "0 to 65535")
        counts = ("upload_bytes", "upload_files", "workers", "threads", "queue", "recent")
        for name in (*counts, "library"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        _require(self.threads > self.workers, "threads", self.threads, "more than workers")
        _require(0 <= self.wait_s < 3600, "wait_s", self.wait_s, "0 to 3600 seconds")
        _require(bool(self.host), "host", self.host, "an address or a name")
        self.check_network(_require)

    @property
    def cache(self) -> Path:
        """Folder of compiled models."""
        return self.data / "cache"

    @property
    def vault_key(self) -> Path | None:
        """The key of the linked mode, by default in the user's configuration; None without it."""
        return (self.identity_key or default_key(os.environ)) if self.linked else None

    @property
    def installed(self) -> Path:
        """Folder of installed model packages."""
        return self.data / "models"

    @property
    def sources(self) -> Sources:
        """Where model packages come from, and whose are used."""
        from appliance.registry import Sources, Trust

        trust = Trust(self.trust or self.data / "trusted", self.require_signature)
        return Sources(self.models, self.installed, trust)

    @property
    def limits(self) -> Limits:
        """What the readers take on."""
        return Limits(file_bytes=self.upload_bytes)

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Settings from the environment, with the values given by name on top.

        Raises
        ------
        BadRequest
            When a value has the wrong form; the message names the variable.

        Examples
        --------
        >>> settings = Settings.load({"HOME": "/home/ada", "NEURALSCAN_PORT": "9000"}, demo=True)
        >>> settings.port, settings.demo, settings.host
        (9000, True, '127.0.0.1')
        """
        env = os.environ if env is None else env
        values: dict[str, Any] = {"data": default_data(env)}
        for item in fields(cls):
            name = variable(item.name)
            if name in env:
                values[item.name] = _parse(name, item.type, env[name])
        values.update(given)
        values["data"] = Path(values["data"]).expanduser().absolute()
        return cls(**values)


def variable(name: str) -> str:
    """The environment variable of a setting.

    The folder this server writes to is ``NEURALSCAN_HOME``: ``NEURALSCAN_DATA`` names the images
    that networks are trained and measured on, which nobody serves from.

    >>> variable("data"), variable("port")
    ('NEURALSCAN_HOME', 'NEURALSCAN_PORT')
    """
    return PREFIX + ("HOME" if name == "data" else name.upper())


def _require(good: bool, name: str, value: Any, expected: str) -> None:
    if not good:
        raise BadRequest(f"setting {name} ({variable(name)}): expected {expected}, found {value!r}")


def _parse(name: str, kind: Any, text: str) -> Any:
    """A value of the type a field declares."""
    try:
        if kind == "bool":
            if text.strip().lower() not in _YES | _NO:
                raise ValueError(text)
            return text.strip().lower() in _YES
        if kind == "int | None" and not text.strip():
            return None
        if kind in ("int", "int | None"):
            return int(text)
        if kind == "float":
            return float(text)
    except ValueError as error:
        raise BadRequest(f"{name}: expected a {kind}, found {text!r}") from error
    if kind == "Path | None":
        return Path(text).expanduser() if text else None
    if kind == "tuple[Path, ...]":
        return tuple(Path(part).expanduser() for part in text.split(os.pathsep) if part)
    if kind == "tuple[str, ...]":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text
