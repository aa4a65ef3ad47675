"""Find model packages, in the order in which they answer, without compiling anything.

Folders of ``NEURALSCAN_MODELS`` come first, then the active version of each installed package,
then what is shipped with the software.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.core.errors import ModelError, NotFound, Unavailable
from appliance.installed import Installed
from appliance.package import MANIFEST, Package, open_package
from appliance.signing import Trust

__all__ = ["Package", "Trust", "open_package"]

SHIPPED = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Sources:
    """Where packages come from, and whose are used.

    Attributes
    ----------
    folders : tuple of Path
        Further folders with packages.
    installed : Path, optional
        Folder of installed versions.
    trust : Trust
        The shipped packages are part of the software and need no signature of their own.
    """

    folders: tuple[Path, ...] = ()
    installed: Path | None = None
    trust: Trust = Trust()


@dataclass(frozen=True)
class Found:
    """A place where a package should be.

    Attributes
    ----------
    origin : str
        ``folder``, ``installed`` or ``shipped``.
    answers : bool
        Whether it is looked at when a package is wanted: an installed version only when active.
    package : Package or None
        None when it is unusable; `problem` then says why.
    """

    path: Path
    origin: str
    answers: bool
    package: Package | None
    problem: ModelError | None = None


def _sources(sources: Sources | Iterable[Path]) -> Sources:
    return sources if isinstance(sources, Sources) else Sources(tuple(sources))


def _inside(root: Path) -> list[Path]:
    """Package folders; hidden ones are work under way, or what is left of it."""
    return sorted(p.parent for p in root.glob(f"*/{MANIFEST}") if p.parent.name[0] != ".")


def _places(sources: Sources) -> Iterator[tuple[Path, str, bool, Trust]]:
    for root in sources.folders:
        inside = _inside(root)
        if not inside:
            raise Unavailable(
                f"no model package in {root}: expected {root.name}/NAME/manifest.json; "
                "correct NEURALSCAN_MODELS"
            )
        for folder in inside:
            yield folder, "folder", True, sources.trust
    if sources.installed is not None:
        installed = Installed(sources.installed, sources.trust)
        active = installed.active()
        for folder in active:
            yield folder, "installed", True, sources.trust
        for folder in installed.folders():
            if folder not in active:
                yield folder, "installed", False, sources.trust
    for folder in _inside(SHIPPED):
        yield folder, "shipped", True, replace(sources.trust, required=False)


def survey(sources: Sources | Iterable[Path] = ()) -> Iterator[Found]:
    """Every place where a package should be, those that answer first in their order.

    Raises
    ------
    Unavailable
        When a further folder holds no package: the shipped one must not answer in its place.
    ManifestError
        When it cannot be read which version of an installed package is active.
    """
    for folder, origin, answers, trust in _places(_sources(sources)):
        try:
            yield Found(folder, origin, answers, open_package(folder, trust))
        except ModelError as error:
            yield Found(folder, origin, answers, None, error)


def list_packages(sources: Sources | Iterable[Path] = ()) -> list[Package]:
    """The packages that answer, in their order.

    Parameters
    ----------
    sources : Sources or iterable of Path
        Paths alone are further folders.

    Raises
    ------
    Unavailable
        As `survey` does.
    ModelError
        When a package that should answer is unusable.
    """
    found = []
    for place in survey(sources):
        if place.answers:
            if place.package is None:
                raise place.problem or ModelError(str(place.path))
            found.append(place.package)
    return found


def find_package(name: str | None = None, sources: Sources | Iterable[Path] = ()) -> Package:
    """A package by name; the first one when no name is given.

    Raises
    ------
    NotFound
        When there is no package of that name.
    Unavailable
        When there is no package at all.
    """
    packages = list_packages(sources)
    if not packages:
        raise Unavailable(
            "no model package found; reinstall neuralscan-edge or point NEURALSCAN_MODELS at one"
        )
    if name is None:
        return packages[0]
    for package in packages:
        if package.name == name:
            return package
    known = ", ".join(sorted({p.name for p in packages}))
    raise NotFound(f"no model package {name!r}; known are {known}")
