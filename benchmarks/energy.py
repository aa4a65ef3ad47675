"""Energy of the processor by RAPL, where the kernel lets it be read.

References
----------
Linux kernel, Documentation/power/powercap: ``energy_uj`` and ``max_energy_range_uj``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Meter:
    """The packages' counters, or the reason why there are none."""

    zones: tuple[Path, ...]
    reason: str = ""

    @classmethod
    def find(cls, root: Path = _POWERCAP) -> Meter:
        """The counters of this machine's processors."""
        zones = [path.parent for path in sorted(root.glob("*-rapl:*/energy_uj"))]
        zones = [path for path in zones if path.name.count(":") == 1]
        if not zones:
            return cls((), "the kernel offers no RAPL counters (usual in a virtual machine)")
        try:
            for zone in zones:
                int((zone / "energy_uj").read_text())
        except (OSError, ValueError):
            return cls((), "RAPL counters are there, but only root may read them")
        return cls(tuple(zones))

    def read(self) -> list[int]:
        """Microjoules of each package."""
        return [int((zone / "energy_uj").read_text()) for zone in self.zones]

    def joules(self, before: list[int], after: list[int]) -> float | None:
        """Energy between two readings; a counter that ran over begins again at zero."""
        if not self.zones:
            return None
        total = 0
        for zone, a, b in zip(self.zones, before, after, strict=True):
            if b < a:
                b += int((zone / "max_energy_range_uj").read_text())
            total += b - a
        return total / 1e6
