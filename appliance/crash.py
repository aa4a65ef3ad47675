"""What a crash may leave behind: no image of the memory, which holds names while a file is read."""

from __future__ import annotations

import sys


def no_core_dumps() -> None:
    """Forbid core dumps, for this process and those it starts; where there are none, do nothing.

    References
    ----------
    core(5), getrlimit(2).
    """
    if sys.platform == "win32":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
