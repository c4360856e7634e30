"""Pictures for the fixtures: drawing, PNG, and the preprocessing of detect.py and classify/predict.py (v7.0).

The resize reproduces OpenCV's uint8 bilinear one bit for bit.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

GREY = 114
"""Value of the letterbox's border."""


def draw(width: int, height: int, seed: int) -> np.ndarray:
    """H×W×3 uint8: a gradient, boxes and discs of random colours, a little noise."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = np.stack([60 + 120 * x / width, 200 - 120 * y / height, 90 + 60 * (x + y) / (width + height)], axis=-1)
    for index in range(9):
        cx, cy = random.uniform(0, width), random.uniform(0, height)
        rx, ry = random.uniform(0.08, 0.3, 2) * min(width, height)
        inside = (abs(x - cx) < rx) & (abs(y - cy) < ry) if index % 2 else ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
        picture[inside] = random.uniform(0, 255, 3)
    return np.clip(np.rint(picture + random.normal(0, 6, picture.shape)), 0, 255).astype(np.uint8)


def write_png(path: Path, rgb: np.ndarray) -> None:
    """8-bit RGB, no filter."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = rgb.shape
    lines = b"".join(b"\0" + row.tobytes() for row in rgb)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def _axis(source: int, target: int, clamp: bool):
    """Neighbour indices and integer weights (×2048) along one axis."""
    position = ((np.arange(target) + 0.5) * (source / target) - 0.5).astype(np.float32)
    start = np.floor(position).astype(np.int64)
    fraction = (position - start.astype(np.float32)).astype(np.float32)
    if clamp:
        fraction[start < 0] = 0
        start[start < 0] = 0
        fraction[start >= source - 1] = 0
        start[start >= source - 1] = source - 1
    low = np.rint((np.float32(1) - fraction) * np.float32(2048)).astype(np.int64)
    high = np.rint(fraction * np.float32(2048)).astype(np.int64)
    return np.clip(start, 0, source - 1), np.clip(start + 1, 0, source - 1), low, high


def resize(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """cv2.resize(…, INTER_LINEAR) of uint8."""
    source_height, source_width, _ = rgb.shape
    if (source_width, source_height) == (width, height):
        return rgb
    left, right, a0, a1 = _axis(source_width, width, clamp=True)
    top, bottom, b0, b1 = (v for v in _axis(source_height, height, clamp=False))
    pixels = rgb.astype(np.int64)
    across = pixels[:, left] * a0[None, :, None] + pixels[:, right] * a1[None, :, None]
    down = ((b0[:, None, None] * (across[top] >> 4)) >> 16) + ((b1[:, None, None] * (across[bottom] >> 4)) >> 16)
    return np.clip((down + 2) >> 2, 0, 255).astype(np.uint8)


def letterbox(rgb: np.ndarray, size: int, stride: int, rect: bool) -> np.ndarray:
    """Scaled to fit `size`, bordered to a multiple of `stride` (`rect`) or to the full square."""
    size = -(-size // stride) * stride
    height, width, _ = rgb.shape
    ratio = min(size / height, size / width)
    new_width, new_height = round(width * ratio), round(height * ratio)
    dx, dy = size - new_width, size - new_height
    if rect:
        dx, dy = dx % stride, dy % stride
    dx, dy = dx / 2, dy / 2
    left, right = round(dx - 0.1), round(dx + 0.1)
    top, bottom = round(dy - 0.1), round(dy + 0.1)
    out = np.full((new_height + top + bottom, new_width + left + right, 3), GREY, np.uint8)
    out[top : top + new_height, left : left + new_width] = resize(rgb, new_width, new_height)
    return out


def classification_input(rgb: np.ndarray, size: int) -> np.ndarray:
    """[1, 3, size, size] float32: centre square, resized, ImageNet's mean and deviation."""
    height, width, _ = rgb.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = resize(rgb[top : top + side, left : left + side], size, size).astype(np.float32) / np.float32(255)
    mean, deviation = (np.array(v, np.float32) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return ((square - mean) / deviation).transpose(2, 0, 1)[None]
