"""Places in the pixels of a DICOM image, made as dark as the image gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian

from appliance.core.errors import UnsupportedFormat
from appliance.dicom_values import decoded
from appliance.text_strokes import Box


def blacken(dataset: pydicom.Dataset, data: bytes, boxes: Sequence[Box]) -> None:
    """Fill places of every frame of an image with its darkest value, uncompressed from then on.

    Parameters
    ----------
    data : bytes
        The file the data set was read from.

    Raises
    ------
    UnsupportedFormat
        When the pixels are no whole numbers.
    """
    if "PixelData" not in dataset or int(dataset.BitsAllocated) not in (8, 16, 32):
        raise UnsupportedFormat("text can be blackened in images of 8, 16 or 32 bits only")
    stored = np.array(decoded(dataset, data))
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples = int(dataset.SamplesPerPixel)
    shape = (-1, rows, columns, samples) if samples > 1 else (-1, rows, columns)
    frames = stored.reshape(shape)
    inverted = str(dataset.PhotometricInterpretation) == "MONOCHROME1"
    for frame in frames:
        dark = frame.max() if inverted else frame.min()
        for row0, column0, row1, column1 in boxes:
            frame[row0:row1, column0:column1] = dark
    little = stored.astype(stored.dtype.newbyteorder("<"), copy=False)
    raw = little.tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) % 2)
    dataset["PixelData"].VR = "OB" if int(dataset.BitsAllocated) == 8 else "OW"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if samples > 1:
        dataset.PlanarConfiguration = 0
        if str(dataset.PhotometricInterpretation).startswith("YBR"):
            dataset.PhotometricInterpretation = "RGB"  # as the decoders return it
    kinds = list(dataset.get("ImageType") or ["ORIGINAL", "PRIMARY"])
    dataset.ImageType = ["DERIVED", *kinds[1:]]
