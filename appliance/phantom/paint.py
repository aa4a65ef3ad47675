"""How bright everything is: the one place to tune the look of a phantom."""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance.core.errors import BadRequest

CONTRASTS = ("t1c", "t2", "ct")


@dataclass(frozen=True)
class Paint:
    """Signal of each tissue, white matter being about 1, and the imperfections of a scanner.

    Attributes
    ----------
    csf, grey, white, fat, muscle, marrow, bone, air, vitreous, mucosa : float
        Mean signal of a tissue.
    skin, dura, vessel, choroid, gland : float
        Thin bright structures; after contrast medium they stand out.
    meningioma, pituitary, glioma_ring, glioma_solid, necrosis, oedema : float
        Signal of the parts of a lesion. Oedema is the signal of fully oedematous white matter.
    oedema_mm : float
        Reach of the oedema around a glioma; a meningioma has a third of it.
    ring_mm : float
        Mean thickness of the enhancing rim of a glioma.
    mass_effect : float
        0 to 1: how far the brain around a lesion is pushed aside instead of replaced.
    csf_mm, skull_mm, scalp_mm : float
        Mean thickness of the layers around the brain.
    texture : float
        Relative amplitude of the slow variations inside one tissue.
    sharpen : float
        Unsharp-mask gain on the group-average template, which is softer than one person.
    warp_mm, fold_mm : float
        Amplitude of the smooth individual deformation, and of its fine part.
    tilt_deg, resize : float
        Bounds of the random head rotation, and of the relative change of size.
    bias : float
        Relative gain between the middle of the head and its surface (surface coils).
    noise : float
        Standard deviation of the complex noise behind the Rician magnitude, white matter = 1.
    blur_px : float
        Point spread of the acquisition, in pixels of the output.
    units : float
        Stored value of white matter.
    """

    csf: float = 0.42
    grey: float = 0.84
    white: float = 1.0
    fat: float = 2.15
    muscle: float = 0.95
    marrow: float = 1.15
    bone: float = 0.13
    air: float = 0.0
    vitreous: float = 0.42
    mucosa: float = 1.9
    skin: float = 1.5
    dura: float = 1.25
    vessel: float = 1.95
    choroid: float = 1.75
    gland: float = 1.7
    meningioma: float = 1.9
    pituitary: float = 1.6
    glioma_ring: float = 1.65
    glioma_solid: float = 1.3
    necrosis: float = 0.55
    oedema: float = 0.66
    oedema_mm: float = 14.0
    ring_mm: float = 3.2
    mass_effect: float = 0.7
    csf_mm: float = 1.8
    skull_mm: float = 6.0
    scalp_mm: float = 5.5
    texture: float = 0.05
    sharpen: float = 0.9
    warp_mm: float = 3.0
    fold_mm: float = 1.0
    tilt_deg: float = 4.0
    resize: float = 0.04
    bias: float = 0.22
    noise: float = 0.03
    blur_px: float = 0.55
    units: float = 420.0

    @classmethod
    def of(cls, contrast: str = "t1c", **changes: float) -> Paint:
        """The paint of a contrast: ``t1c``, ``t2`` (fluid bright) or ``ct`` (bone bright).

        Raises
        ------
        BadRequest
            When the contrast is unknown.
        """
        if contrast not in CONTRASTS:
            raise BadRequest(f"contrast is one of {', '.join(CONTRASTS)}, not {contrast!r}")
        return replace(cls(), **{**_LOOKS[contrast], **changes})


_LOOKS: dict[str, dict[str, float]] = {
    "t1c": {},
    "t2": {
        "csf": 2.4,
        "grey": 1.35,
        "white": 0.95,
        "fat": 1.5,
        "muscle": 0.55,
        "marrow": 0.9,
        "vitreous": 2.6,
        "mucosa": 2.2,
        "skin": 0.8,
        "dura": 0.4,
        "vessel": 0.25,
        "choroid": 1.6,
        "gland": 1.1,
        "meningioma": 1.5,
        "pituitary": 1.4,
        "glioma_ring": 1.5,
        "glioma_solid": 1.6,
        "necrosis": 2.3,
        "oedema": 2.0,
        "bias": 0.12,
        "noise": 0.04,
    },
    "ct": {
        "csf": 0.88,
        "grey": 1.05,
        "white": 1.0,
        "fat": 0.55,
        "muscle": 1.06,
        "marrow": 2.6,
        "bone": 3.4,
        "vitreous": 0.92,
        "mucosa": 1.03,
        "skin": 1.0,
        "dura": 1.1,
        "vessel": 1.06,
        "choroid": 1.1,
        "gland": 1.05,
        "meningioma": 1.14,
        "pituitary": 1.1,
        "glioma_ring": 1.06,
        "glioma_solid": 1.03,
        "necrosis": 0.93,
        "oedema": 0.94,
        "texture": 0.01,
        "bias": 0.0,
        "noise": 0.03,
    },
}
