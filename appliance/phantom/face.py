"""What lies below and before the brain case: orbits, air spaces, skull base, neck."""

from __future__ import annotations

import numpy as np

from appliance.phantom.person import Person
from appliance.phantom.template import blend, ellipsoid, noise, smoothstep

EYES = ((34.0, 60.0, -33.5), (-34.0, 60.0, -33.5))
AIR = (
    # centre, radii: sphenoid, maxillary, frontal and nasal air, pharynx
    ((7.5, 14.0, -45.5), (8.0, 14.0, 8.5)),
    ((-7.0, 13.0, -45.0), (7.0, 13.0, 7.5)),
    ((29.0, 46.0, -64.0), (13.0, 15.0, 17.0)),
    ((-29.0, 46.0, -64.0), (13.0, 15.0, 17.0)),
    ((9.0, 73.0, -16.0), (9.0, 4.0, 8.0)),
    ((-9.0, 73.0, -15.0), (8.0, 4.0, 7.0)),
    ((0.0, 5.0, -82.0), (11.0, 8.0, 24.0)),
)
NASAL = ((0.0, 50.0, -49.0), (16.0, 33.0, 24.0))
TURBINATES = ((7.5, -49.0, 3.6), (-7.5, -49.0, 3.6), (8.5, -62.0, 4.8), (-8.5, -62.0, 4.8))
"""x, z and radius of three-quarter tubes that run front to back."""
MASTOIDS = (
    ((54.0, -38.0, -46.0), (10.0, 15.0, 14.0)),
    ((-54.0, -38.0, -46.0), (10.0, 15.0, 14.0)),
)
CLIVUS = ((0.0, -10.0, -50.0), (12.0, 8.0, 15.0))
TONGUE = ((0.0, 46.0, -98.0), (26.0, 34.0, 20.0))
ORBIT_CORDS = ((0, 0, 2.2), (11, 0, 2.0), (-11, 0, 2.0), (0, 10, 1.9), (0, -10, 1.9))
CAVERNOUS = (((12.5, 1.0, -33.0), (5.0, 12.0, 7.0)), ((-12.5, 1.0, -33.0), (5.0, 12.0, 7.0)))
RAMI = (((46.0, 4.0, -78.0), (4.5, 13.0, 32.0)), ((-46.0, 4.0, -78.0), (4.5, 13.0, 32.0)))
PAROTIDS = (((57.0, -12.0, -72.0), (9.0, 13.0, 20.0)), ((-57.0, -12.0, -72.0), (9.0, 13.0, 20.0)))
GLAND = ((0.0, 3.0, -31.0), (6.5, 4.5, 3.6))


def facial(person: Person, placed: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Signal (n,) with the face painted over ``out``, at template points (3, n)."""
    fine = noise(person.cube, placed, 1.8, 41.0)
    out = _base(person, placed, out, fine)
    out = _orbits(person, placed, out, fine)
    out = _air(person, placed, out, fine)
    for sinus in CAVERNOUS:
        out = blend(out, 0.9 * person.paint.gland * (1 + 0.08 * fine), _solid(placed, sinus))
        carotid = np.hypot(placed[0] - 1.08 * sinus[0][0], placed[2] - sinus[0][2] + 1.0)
        void = smoothstep(2.6 - carotid, -0.6, 0.6) * _solid(placed, sinus)
        out = blend(out, person.paint.bone + 0.15, void)
    return blend(out, person.paint.gland * (1 + 0.04 * fine), _solid(placed, GLAND))


def _base(person: Person, placed: np.ndarray, out: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Tongue, clivus, mastoids, and the spine with its cord."""
    paint = person.paint
    x, y, z = placed
    out = blend(out, paint.muscle * (1 + 0.06 * fine), _solid(placed, TONGUE))
    out = blend(out, paint.marrow * (1 + 0.12 * fine), _solid(placed, CLIVUS))
    for mastoid in MASTOIDS:
        cells = smoothstep(noise(person.cube, placed, 1.6, 53.0), 0.6, 1.4)
        out = blend(out, paint.bone + 0.5 * cells, _solid(placed, mastoid))
    for cheek in PAROTIDS:
        out = blend(out, paint.skin * (1 + 0.12 * fine), _solid(placed, cheek))
    for ramus in RAMI:
        depth = -ellipsoid(placed, *ramus)
        bone = blend(paint.bone + 0.0 * out, paint.marrow, smoothstep(depth, 1.2, 2.4))
        out = blend(out, bone, smoothstep(depth, -0.6, 0.6))
    below = smoothstep(-64.0 - z, 0.0, 12.0)
    axis = -47.0 + 0.1 * (z + 72.0)
    body = np.hypot(np.abs(x), 1.1 * (y - axis - 17.0)) - 9.0
    disc = smoothstep(np.abs(np.mod(z + 75.0, 17.0) - 8.5), 6.2, 7.4)
    bone = blend(paint.marrow * (0.95 + 0.1 * fine), 0.6 * paint.muscle, disc)
    out = blend(out, paint.bone + 0.1, smoothstep(0.8 - body, -0.8, 0.8) * below)
    out = blend(out, bone, smoothstep(-body, -0.6, 0.6) * below)
    canal = np.hypot(x / 1.25, y - axis)
    out = blend(out, paint.csf, smoothstep(8.5 - canal, -0.6, 0.6) * below)
    return blend(out, 0.95 * paint.white, smoothstep(4.8 - canal, -0.6, 0.6) * below)


def _orbits(person: Person, placed: np.ndarray, out: np.ndarray, fine: np.ndarray) -> np.ndarray:
    paint = person.paint
    for eye in EYES:
        side = np.sign(eye[0])
        near = np.flatnonzero((side * placed[0] > 4.0) & (placed[1] > 10.0))
        here, value, grain = placed[:, near], out[near], fine[near]
        fat = ((eye[0] - side * 3.0, 48.0, -33.5), (16.0, 26.0, 15.0))
        value = blend(value, paint.fat * (0.95 + 0.05 * grain), _solid(here, fat))
        apex = (side * 15.0, 20.0, -31.0)
        for lateral, height, radius in ORBIT_CORDS:
            start = (eye[0] + lateral, 56.0, eye[2] + height)
            cord = smoothstep(radius - _segment(here, start, apex), -0.6, 0.6)
            value = blend(value, paint.skin, cord)
        globe = ellipsoid(here, eye, (12.0, 12.0, 12.0))
        value = blend(value, 1.25 * paint.muscle, smoothstep(-globe, -0.6, 0.4))
        value = blend(value, paint.vitreous, smoothstep(-globe, 0.9, 2.0))
        lens = ((eye[0], eye[1] + 8.5, eye[2]), (4.5, 2.2, 4.5))
        out[near] = blend(value, paint.muscle, _solid(here, lens))
    return out


def _air(person: Person, placed: np.ndarray, out: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Sinuses, pharynx, and the nose with its septum, turbinates and ethmoid cells."""
    paint = person.paint
    x, y, z = placed
    for centre, radii in AIR:
        space = ellipsoid(placed, centre, radii) * (1.0 + 0.06 * fine) + 0.5 * fine
        out = blend(out, paint.mucosa * 0.75, smoothstep(-space, -1.6, -0.6))
        out = blend(out, paint.air + 0.03, smoothstep(-space, 0.0, 1.0))
    wavy = noise(person.cube, placed, 6.0, 7.0)
    wall = smoothstep(1.1 - np.abs(x - 0.8 * wavy), -0.5, 0.5)
    cells = np.minimum(
        np.abs(np.sin(0.4 * np.abs(x) + 0.7 * wavy)),
        np.abs(np.sin(0.3 * y + 1.6 * wavy + 0.8 * np.sign(x))),
    )
    wall = np.maximum(wall, smoothstep(0.2 - cells, -0.05, 0.1) * smoothstep(z, -46.0, -42.0))
    for across, up, radius in TURBINATES:
        tube = radius * (1.0 + 0.12 * wavy) - np.hypot(x - across, (z - up) / 1.5)
        wall = np.maximum(wall, smoothstep(tube, -0.6, 0.6))
    lining = paint.mucosa * (0.72 + 0.06 * fine)
    space = ellipsoid(placed, *NASAL) + 0.8 * wavy
    out = blend(out, lining, smoothstep(-space, -1.6, -0.6))
    return blend(
        out, blend(paint.air + 0.03 + 0.0 * out, lining, wall), smoothstep(-space, 0.0, 1.0)
    )


def _solid(placed: np.ndarray, shape: tuple) -> np.ndarray:
    return smoothstep(-ellipsoid(placed, *shape), -0.7, 0.7)


def _segment(points: np.ndarray, start: tuple, end: tuple) -> np.ndarray:
    """Distance (n,) of points (3, n) from a straight segment."""
    a, b = np.array(start, np.float32), np.array(end, np.float32)
    along = np.clip(((b - a) @ (points - a[:, None])) / ((b - a) @ (b - a)), 0.0, 1.0)
    return np.sqrt(((points - a[:, None] - (b - a)[:, None] * along) ** 2).sum(0))
