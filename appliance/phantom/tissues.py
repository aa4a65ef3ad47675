"""The signal at any point of a generated head, tissue by tissue from the skin inwards."""

from __future__ import annotations

import numpy as np

from appliance.phantom.face import facial
from appliance.phantom.lesions import StarBody
from appliance.phantom.paint import Paint
from appliance.phantom.person import Person
from appliance.phantom.template import (
    CSF_LEVEL,
    GREY_LEVEL,
    GRID_MM,
    GRID_ORIGIN,
    WHITE_LEVEL,
    blend,
    noise,
    sample,
    smoothstep,
)


def lesion_at(person: Person, points_lps: np.ndarray) -> np.ndarray:
    """Whether patient points (3, n), LPS mm, lie in the lesion, (n,) bool."""
    linear = person.to_mni(points_lps)
    found = np.zeros(linear.shape[1], bool)
    if person.lesion is not None:
        away = ((linear - person.lesion.centre[:, None]) ** 2).sum(0)
        near = np.flatnonzero(away < (person.lesion.reach + 1.0) ** 2)
        if near.size:
            found[near] = person.lesion.depth(linear[:, near]) < 0
    return found


def signal(person: Person, points_lps: np.ndarray) -> np.ndarray:
    """Noise-free signal (n,) float32 at patient points (3, n), LPS mm."""
    linear = person.to_mni(points_lps.astype(np.float32)).astype(np.float32)
    value = np.zeros(linear.shape[1], np.float32)
    placed = person.warp(linear)
    paint, template = person.paint, person.template
    skin = sample(person.skin, placed, GRID_ORIGIN, GRID_MM)
    inside = np.flatnonzero(skin < 0.6)
    if not inside.size:
        return value
    linear, placed, skin = linear[:, inside], placed[:, inside], skin[inside]
    cavity = sample(template.cavity, placed, GRID_ORIGIN, GRID_MM) - paint.csf_mm
    out = _soft_parts(person, placed, skin)
    out = _skull(person, placed, cavity, out)
    low = np.flatnonzero((placed[2] < 8.0) & (cavity > 0.5))
    out[low] = facial(person, placed[:, low], out[low])
    brain = np.flatnonzero(cavity < 0.8)
    out[brain] = _brain(person, linear[:, brain], placed[:, brain], cavity[brain], out[brain])
    if person.lesion is not None:
        near = np.flatnonzero(
            ((linear - person.lesion.centre[:, None]) ** 2).sum(0)
            < (person.lesion.reach + 2.0 * paint.oedema_mm) ** 2
        )
        out[near] = _lesion(person, linear[:, near], cavity[near], out[near])
    value[inside] = out * smoothstep(-skin, -0.6, 0.6) * _gain(placed, paint)
    return value


def _gain(placed: np.ndarray, paint: Paint) -> np.ndarray:
    """Sensitivity of a head coil: highest near the skin."""
    radius = (
        (placed[0] / 78.0) ** 2 + ((placed[1] + 16.0) / 98.0) ** 2 + ((placed[2] - 5.0) / 92.0) ** 2
    )
    return 1.0 + paint.bias * (np.minimum(radius, 1.6) - 0.5)


def _soft_parts(person: Person, placed: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Skin, the fat below it, and muscle with streaks of fat deeper down."""
    paint = person.paint
    depth = -skin
    thickness = paint.scalp_mm * (1.0 + 0.18 * noise(person.cube, placed, 9.0))
    streaks = noise(person.cube, placed * np.array([[1.0], [1.0], [0.45]], np.float32), 2.6, 11.0)
    plate = noise(person.cube, placed, 4.5, 23.0) + 0.45 * streaks
    muscle = paint.muscle * (1.0 + 0.13 * noise(person.cube, placed, 1.5, 29.0))
    planes = smoothstep(0.28 - np.abs(plate), 0.0, 0.25) + 0.7 * smoothstep(streaks, 1.2, 2.2)
    deep = blend(muscle, paint.fat * 0.75, np.minimum(planes, 1.0) * 0.85)
    fat = paint.fat * (1.0 + 0.07 * streaks)
    out = blend(fat, deep, smoothstep(depth - thickness, -0.6, 0.9))
    return blend(paint.skin + 0.0 * out, out, smoothstep(depth, 0.4, 1.8))


def _skull(person: Person, placed: np.ndarray, cavity: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Two dark tables with fatty marrow between them."""
    paint = person.paint
    wavy = noise(person.cube, placed, 12.0, 5.0)
    base = smoothstep(-placed[2], 20.0, 45.0)
    temple = smoothstep(np.abs(placed[0]), 52.0, 68.0) * smoothstep(20.0 - placed[2], 0.0, 30.0)
    thick = paint.skull_mm * (1.0 + 0.16 * wavy) * (1.0 - 0.45 * base) * (1.0 - 0.3 * temple)
    share = cavity / thick
    diploe = smoothstep(share, 0.2, 0.42) * smoothstep(0.88 - share, 0.0, 0.22) * (1 - temple)
    fine = noise(person.cube, placed, 2.2, 31.0)
    bone = blend(paint.bone + 0.0 * out, paint.marrow * (0.72 + 0.2 * fine), diploe * 0.8)
    return blend(out, bone, smoothstep(thick - cavity, -0.5, 0.6))


def _brain(
    person: Person, linear: np.ndarray, placed: np.ndarray, cavity: np.ndarray, out: np.ndarray
) -> np.ndarray:
    """Brain, fluid, vessels and dura."""
    paint, template = person.paint, person.template
    where = placed if person.lesion is None else _pushed(person, linear, placed, cavity)
    where = person.fold(where)
    t1 = sample(template.t1, where, template.origin, 1.0)
    soft = sample(template.soft, where, template.origin, 1.0)
    level = t1 + paint.sharpen * (t1 - soft) * smoothstep(t1, 20.0, 60.0)
    fluid = smoothstep(0.5 * (CSF_LEVEL + GREY_LEVEL) + 12.0 - level, 0.0, 40.0)
    grain = noise(person.cube, where, 2.0, 3.0) + 0.8 * noise(person.cube, where, 7.0, 17.0)
    tones = (paint.csf, paint.csf, paint.grey, paint.white, 1.02 * paint.white)
    tissue = np.interp(level, (0.0, CSF_LEVEL, GREY_LEVEL, WHITE_LEVEL, 255.0), tones)
    tissue = tissue.astype(np.float32) * (1.0 + paint.texture * grain)
    edge = smoothstep(cavity, -4.0, -1.0)
    falx = smoothstep(1.2 - np.abs(placed[0]), 0.0, 0.8) * fluid * smoothstep(placed[2], -8.0, 8.0)
    tissue = blend(tissue, paint.dura, 0.5 * falx)
    tissue = blend(tissue, paint.dura, 0.45 * smoothstep(cavity, -1.2, -0.4))
    vessel = sample(person.vessels, where, template.origin, 1.0) / 255.0
    tissue = blend(tissue, paint.vessel, vessel * np.maximum(fluid, edge))
    plexus = sample(person.choroid, where, template.origin, 1.0) / 255.0
    tissue = blend(tissue, paint.choroid, np.minimum(plexus, 1.0) * fluid * (0.75 + 0.15 * grain))
    return blend(out, tissue, smoothstep(-cavity, -0.6, 0.6))


def _pushed(
    person: Person, linear: np.ndarray, placed: np.ndarray, cavity: np.ndarray
) -> np.ndarray:
    """Where the brain around a lesion came from before the lesion grew and pushed it aside."""
    body: StarBody = person.lesion  # type: ignore[assignment]
    delta = linear - body.centre[:, None].astype(np.float32)
    near = np.flatnonzero((delta**2).sum(0) < (2.4 * body.reach + 6.0) ** 2)
    away, border = body.polar(linear[:, near])
    reach = 2.2 * border + 5.0
    source = np.clip((away - border) * reach / (reach - border), 0.0, None)
    source = np.where(away < reach, source, away)
    weight = person.paint.mass_effect * smoothstep(-cavity[near], 0.0, 12.0)
    moved = placed.copy()
    moved[:, near] += delta[:, near] * (weight * (source - away) / away)
    return moved


def _lesion(person: Person, linear: np.ndarray, cavity: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The signal with the lesion painted over it."""
    body: StarBody = person.lesion  # type: ignore[assignment]
    paint, cube = person.paint, person.cube
    away, border = body.polar(linear)
    depth = (away - border).astype(np.float32)
    fine, coarse = noise(cube, linear, 1.7, 61.0), noise(cube, linear, 4.0, 71.0)
    solid = smoothstep(-depth, -0.7, 0.7)
    reach = paint.oedema_mm * (1.0 if person.kind == "glioma" else 0.35) * (1.0 + 0.3 * coarse)
    if person.kind != "pituitary":
        white = smoothstep(out, 0.5 * (paint.grey + paint.white) - 0.1, paint.white)
        if paint.oedema > paint.white:
            white = smoothstep(-cavity, 1.0, 5.0)
        swollen = smoothstep(reach - depth, 0.0, 0.7 * paint.oedema_mm) * (0.25 + 0.75 * white)
        vital = (np.abs(out - paint.white) < 0.6) & (cavity < -1.0)
        out = blend(out, paint.oedema * (1 + 0.04 * fine), swollen * vital)
    if person.kind == "glioma":
        rim = paint.ring_mm * np.clip(1.0 + 0.6 * coarse, 0.3, 2.6)
        ring = paint.glioma_ring * (1.0 + 0.1 * fine) * np.clip(1.0 + 0.17 * coarse, 0.6, 1.3)
        island = smoothstep(coarse + 0.4 * fine, 1.0, 1.6)
        core = blend(paint.necrosis * (1 + 0.08 * fine), paint.glioma_solid, island)
        inner = blend(ring, core, smoothstep(-depth - rim, -0.8, 1.2))
        return blend(out, inner, solid)
    if person.kind == "meningioma":
        cleft = smoothstep(1.8 - depth, 0.0, 1.2) * (cavity < -2.0)
        out = blend(out, paint.csf, 0.55 * cleft)
        tail = np.clip(1.0 - depth / 15.0, 0.0, 1.0) * 2.6
        out = blend(
            out, paint.meningioma, 0.9 * smoothstep(cavity + tail, 0.0, 0.8) * (cavity < 0.3)
        )
        mass = paint.meningioma * (1.0 + 0.05 * fine + 0.03 * coarse)
        return blend(out, mass, solid)
    mass = paint.pituitary * (1.0 + 0.06 * fine + 0.06 * coarse)
    return blend(out, mass, solid)
