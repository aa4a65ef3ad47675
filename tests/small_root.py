"""A data root in the published layout, made of generated heads: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from appliance.core.probe import probe_picture
from appliance.core.types import LABELS


def _head(seed: int, lesion: bool) -> tuple[np.ndarray, np.ndarray]:
    """A moved, brightened probe picture and its lesion."""
    rng = np.random.default_rng(seed)
    picture = probe_picture(lesion)
    mask = (probe_picture(True) != probe_picture(False)).astype(np.uint8) * lesion
    if rng.random() < 0.5:
        picture, mask = picture[:, ::-1], mask[:, ::-1]
    picture = np.clip(picture * rng.uniform(0.8, 1.1), 0, 255).astype(np.uint8)
    shift = int(rng.integers(-12, 12))
    return np.roll(picture, shift, 0), np.roll(mask, shift, 0)


def write_small_root(root: Path, per_fold: int = 2) -> Path:
    """``figshare/``, ``no_tumor.csv`` and ``other_sources/`` with a few slices in each fold."""
    for folder in ("figshare", "other_sources"):
        (root / folder / "images").mkdir(parents=True)
        (root / folder / "masks").mkdir()
    (root / "no_tumor").mkdir()
    tumours = ["id,image,mask,label,fold,author_fold,run,tumor_px,box_xyxy"]
    healthy, others = ["image,plane,group,fold"], ["image,mask,label,plane,group"]
    number = 0
    for fold in (1, 2, 3, 4):
        for label in LABELS[:3]:
            for _ in range(per_fold):
                number += 1
                picture, mask = _head(number, True)
                cv2.imwrite(str(root / "figshare" / "images" / f"{number}.jpg"), picture)
                cv2.imwrite(str(root / "figshare" / "masks" / f"{number}.png"), mask * 255)
                row = f"{number},images/{number}.jpg,masks/{number}.png,{label}"
                tumours.append(f"{row},{fold},{fold},{number},{int(mask.sum())},0 0 1 1")
        for _ in range(2 * per_fold):
            number += 1
            picture, _ = _head(number, False)
            cv2.imwrite(str(root / "no_tumor" / f"{number}.png"), picture)
            healthy.append(f"no_tumor/{number}.png,ax,{number},{fold}")
    for number in (1, 2):
        picture, mask = _head(900 + number, True)
        cv2.imwrite(str(root / "other_sources" / "images" / f"{number}.png"), picture)
        cv2.imwrite(str(root / "other_sources" / "masks" / f"{number}.png"), mask * 255)
        others.append(f"images/{number}.png,masks/{number}.png,meningioma,ax,{number}")
    (root / "figshare" / "labels.csv").write_text("\n".join(tumours) + "\n")
    (root / "no_tumor.csv").write_text("\n".join(healthy) + "\n")
    (root / "other_sources" / "labels.csv").write_text("\n".join(others) + "\n")
    return root
