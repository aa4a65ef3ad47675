"""Which networks `compare` knows: names, titles, starting weights and the two scales.

No TensorFlow here: the command line and the report read this list, `training.architectures`
builds what it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.core.errors import BadRequest

if TYPE_CHECKING:
    from tensorflow import keras

SCALES = ("reduced", "published")


@dataclass(frozen=True)
class Candidate:
    """One network of the comparison.

    Attributes
    ----------
    start : str
        ``random`` (from scratch) or ``imagenet``.
    reduced : float
        Width factor of the reduced scale; 1.0 is the published network.
    transformer : bool
        Quantised as a transformer.
    """

    name: str
    title: str
    family: str
    start: str = "random"
    reduced: float = 1.0
    transformer: bool = False

    def width(self, scale: str) -> float:
        """Width factor at a scale of `SCALES`."""
        return self.reduced if scale == "reduced" else 1.0

    def label(self, scale: str) -> str:
        """Title with width and start, as every table names it: "VGG16 ×0.25, from scratch"."""
        width = self.width(scale)
        factor = "" if width == 1.0 else f" ×{width:g}"
        start = "from scratch" if self.start == "random" else "ImageNet start"
        return f"{self.title}{factor}, {start}"

    def build(self, size: int, scale: str) -> keras.Model:
        """The Keras network, image to class logits."""
        from training import architectures

        if self.family == "neuralscan":
            return architectures.neuralscan(size, self.width(scale), self.start)
        return getattr(architectures, self.family)(size, self.width(scale))


CANDIDATES = (
    Candidate("sequential", "Sequential CNN", "sequential"),
    Candidate("vgg16", "VGG16", "vgg16", reduced=0.25),
    Candidate("inception", "Inception-v3", "inception_v3", reduced=0.375),
    Candidate("mobilenet", "MobileNetV2", "mobilenet_v2"),
    Candidate("resnet", "ResNet-18", "resnet18", reduced=0.5),
    Candidate("vit", "ViT-S/16", "vit", reduced=0.5, transformer=True),
    Candidate("neuralscan", "NeuralScan attention", "neuralscan", start="imagenet"),
    Candidate("neuralscan-scratch", "NeuralScan attention", "neuralscan"),
)
OURS = "neuralscan"
"""The candidate that differences are taken against."""


def choose(names: str | None) -> tuple[Candidate, ...]:
    """Candidates by comma-separated names, in the list's order; all of them for None.

    Raises
    ------
    BadRequest
        For an unknown name.

    Examples
    --------
    >>> [candidate.name for candidate in choose("vit,resnet")]
    ['resnet', 'vit']
    """
    if names is None:
        return CANDIDATES
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    known = [candidate.name for candidate in CANDIDATES]
    if not wanted or wanted - set(known):
        raise BadRequest(
            f"expected names out of {', '.join(known)}; found {', '.join(sorted(wanted)) or 'none'}"
        )
    return tuple(candidate for candidate in CANDIDATES if candidate.name in wanted)
