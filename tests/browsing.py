"""What the browser tests do with a page: files to drop, and ways to look at what came of it."""

from __future__ import annotations

import base64
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from werkzeug.serving import make_server

from appliance.app import close, create_app
from appliance.pipeline import Analyzer
from appliance.settings import Settings
from tests.conftest import head_array

CONTOUR = (0xFF, 0xD8, 0x4D)
DONE = ".verdict:not([data-verdict=working])"

DROP = """async ([name, type, coded]) => {
  const bytes = Uint8Array.from(atob(coded), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, options));
  }
}"""

PIXELS_LIKE = """([red, green, blue]) => {
  const canvas = document.querySelector(".stage-canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let i = 0; i < data.length; i += 4) {
    const off = Math.abs(data[i] - red) + Math.abs(data[i + 1] - green)
      + Math.abs(data[i + 2] - blue);
    if (off < 90) found += 1;
  }
  return found;
}"""


@contextmanager
def serving(settings: Settings, analyzer: Analyzer) -> Iterator[str]:
    """Address of a running server; it is stopped and its store closed whatever happens."""
    app = create_app(settings, analyzer)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()
        close(app)


def png(lesion: bool = True, seed: int = 0) -> bytes:
    """The middle slice of a head; equal bytes are one study, so tests that count use a seed."""
    head = head_array((9, 96, 80), lesion, seed)[4] / 2000 * 255
    head = head.clip(0, 255).astype(np.uint8)
    return cv2.imencode(".png", head)[1].tobytes()


def colour_png() -> bytes:
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[..., 2] = np.arange(160, dtype=np.uint8) + 90
    return cv2.imencode(".png", picture)[1].tobytes()


def stack_zip() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(3):
            archive.writestr(f"slice{i}.png", png(lesion=i == 1, seed=10 + i))
    return buffer.getvalue()


def drop(page: Any, name: str, data: bytes, media_type: str) -> None:
    page.evaluate("document.querySelector('.verdict')?.remove()")
    page.evaluate(DROP, [name, media_type, base64.b64encode(data).decode()])
    page.wait_for_selector(DONE)


def overlay_pixels(page: Any) -> int:
    """Pixels of the outline once their number stays."""
    before, now = -1, page.evaluate(PIXELS_LIKE, list(CONTOUR))
    while now != before:
        page.wait_for_timeout(250)
        before, now = now, page.evaluate(PIXELS_LIKE, list(CONTOUR))
    return now


def overflow(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
