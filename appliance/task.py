"""What a task is, and finding them: a file in ``appliance/tasks`` that defines ``TASK``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.core.errors import BadRequest, NotFound
from appliance.core.types import Result

Watch = Callable[[float], None]
"""Takes the share of the work that is done, 0 to 1; raises when the work should stop."""


@dataclass(frozen=True)
class Task:
    """One thing the appliance can do to series.

    Attributes
    ----------
    name : str
        Used in routes and on the command line.
    inputs : tuple of str
        Roles to be filled with a series each.
    run : callable
        ``run(inputs, infer, manifest, options) -> Result``; ``inputs`` maps roles to series,
        ``infer`` takes a stream of prepared arrays (None for a task without a model). A task on a
        pair is given a `Watch` as fifth argument.
    options : mapping of str to tuple of str
        What may be chosen, the default first; of a task on a pair nothing else may be sent.
    aliases : mapping of str to str
        Other names a caller may use for the roles.
    read : tuple of str
        Roles the network reads, which must suit it; all of them where none is named.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    needs_model: bool
    run: Callable[..., Result]
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    read: tuple[str, ...] = ()

    @property
    def on_pair(self) -> bool:
        """Whether it takes two series: its result belongs to both of them."""
        return len(self.inputs) == 2

    def chosen(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Every option with its value; raises BadRequest for what is no option or no choice.

        Examples
        --------
        >>> task = Task("a", "A", ("x", "y"), False, print, {"size": ("small", "large")})
        >>> task.chosen({}), task.chosen({"size": "large"})
        ({'size': 'small'}, {'size': 'large'})
        """
        for name, value in given.items():
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise BadRequest(f"{self.name} has no option {name!r}; known are {known}")
            if value not in self.options[name]:
                raise BadRequest(f"expected {name} to be one of {', '.join(self.options[name])}")
        return {name: str(given.get(name, choices[0])) for name, choices in self.options.items()}

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "inputs": list(self.inputs),
            "needs_model": self.needs_model,
            "options": {name: list(choices) for name, choices in self.options.items()},
            "aliases": dict(self.aliases),
        }


def load_tasks() -> Mapping[str, Task]:
    """All tasks by name, found by scanning the folder."""
    from appliance import tasks

    found = {}
    for info in sorted(pkgutil.iter_modules(tasks.__path__), key=lambda i: i.name):
        task = importlib.import_module(f"{tasks.__name__}.{info.name}").TASK
        found[task.name] = task
    return found


def pair_tasks() -> tuple[str, ...]:
    """Names of the tasks that take two series."""
    return tuple(name for name, task in load_tasks().items() if task.on_pair)


def find_task(name: str) -> Task:
    """A task by name; raises NotFound with the known names."""
    tasks = load_tasks()
    if name not in tasks:
        raise NotFound(f"no task {name!r}; known are {', '.join(tasks)}")
    return tasks[name]
