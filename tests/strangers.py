"""Heads of different people, as far as a generator can: no two have one sulcus in common."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from appliance.core.types import LABELS


def stranger(seed: int, size: int = 128) -> np.ndarray:
    """A head with its own texture inside, (size, size) uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    radius = np.hypot(rows / 0.92, columns / rng.uniform(0.7, 0.8))
    texture = sum(
        cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), size * width) * size * width
        for width in (0.015, 0.03, 0.06)
    )
    grey = np.where(radius < 1, 110 + 40 * texture / texture.std(), 0)
    grey[(radius >= 0.93) & (radius < 1)] = 230
    return np.clip(grey, 0, 255).astype(np.uint8)


def with_lesion(picture: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The head with a bright disc, and the disc's mask of zeros and ones."""
    size = len(picture)
    rng = np.random.default_rng(seed)
    centre = [int(size * rng.uniform(0.35, 0.65)) for _ in range(2)]
    mask = cv2.circle(np.zeros_like(picture), centre, size // 12, 1, -1)
    return np.where(mask > 0, 250, picture).astype(np.uint8), mask


def write_strangers(root: Path, folds: int = 4, per_fold: int = 2, size: int = 128) -> Path:
    """A data root in which nobody appears twice: tumours, healthy slices, other sources."""
    for folder in ("figshare/images", "figshare/masks", "no_tumor"):
        (root / folder).mkdir(parents=True)
    for folder in ("images", "masks"):
        (root / "other_sources" / folder).mkdir(parents=True)
    tumours = ["id,image,mask,label,fold,author_fold,run,tumor_px,box_xyxy"]
    healthy, others = ["image,plane,group,fold"], ["image,mask,label,plane,group"]
    number = 0
    for fold in range(1, folds + 1):
        for label in LABELS[:3] * per_fold:
            number += 1
            picture, mask = with_lesion(stranger(number, size), number)
            cv2.imwrite(str(root / f"figshare/images/{number}.png"), picture)
            cv2.imwrite(str(root / f"figshare/masks/{number}.png"), mask * 255)
            row = f"{number},images/{number}.png,masks/{number}.png,{label},{fold},{fold},{number}"
            tumours.append(f"{row},{int(mask.sum())},0 0 1 1")
        for plane in ("ax", "co", "sa") * per_fold:
            number += 1
            cv2.imwrite(str(root / f"no_tumor/{number}.png"), stranger(number, size) // 2)
            healthy.append(f"no_tumor/{number}.png,{plane},{number},{fold}")
    for plane in ("ax", "co"):
        number += 1
        picture, mask = with_lesion(stranger(number, size), number)
        cv2.imwrite(str(root / f"other_sources/images/{number}.png"), picture)
        cv2.imwrite(str(root / f"other_sources/masks/{number}.png"), mask * 255)
        others.append(f"images/{number}.png,masks/{number}.png,meningioma,{plane},{number}")
    (root / "figshare/labels.csv").write_text("\n".join(tumours) + "\n")
    (root / "no_tumor.csv").write_text("\n".join(healthy) + "\n")
    (root / "other_sources/labels.csv").write_text("\n".join(others) + "\n")
    return root
