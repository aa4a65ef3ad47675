"""How every HTML report is filled in: one set-up of Jinja, pictures inside the page."""

from __future__ import annotations

import base64
from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(**filters: Callable[..., str]) -> Environment:
    """The templates of `appliance/templates`, every value escaped, a missing one an error.

    Parameters
    ----------
    **filters
        More filters by name; ``words`` is always there.

    Examples
    --------
    >>> environment().from_string("{{ name | words }} {{ '<' }}").render(name="no_tumor")
    'No tumor &lt;'
    """
    made = Environment(
        loader=PackageLoader("appliance"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = {"words": lambda name: str(name).replace("_", " ").capitalize()}
    made.filters.update(words | filters)
    return made


def data_uri(data: bytes, kind: str = "image/png") -> str:
    """An address that holds the data itself.

    >>> data_uri(b"a")
    'data:image/png;base64,YQ=='
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
