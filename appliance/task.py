"""What a task is, and finding them: a file in ``appliance/tasks`` that defines ``TASK``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.core.errors import NotFound
from appliance.core.types import Result


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
        ``infer`` takes a stream of prepared arrays (None for a task without a model).
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    needs_model: bool
    run: Callable[..., Result]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "inputs": list(self.inputs),
            "needs_model": self.needs_model,
        }


def load_tasks() -> Mapping[str, Task]:
    """All tasks by name, found by scanning the folder."""
    from appliance import tasks

    found = {}
    for info in sorted(pkgutil.iter_modules(tasks.__path__), key=lambda i: i.name):
        task = importlib.import_module(f"{tasks.__name__}.{info.name}").TASK
        found[task.name] = task
    return found


def find_task(name: str) -> Task:
    """A task by name; raises NotFound with the known names."""
    tasks = load_tasks()
    if name not in tasks:
        raise NotFound(f"no task {name!r}; known are {', '.join(tasks)}")
    return tasks[name]
