"""
Writes test/fixtures/image/tiff.json: small TIFFs of the rarer kinds and what OpenCV 4.6 makes of them.

Needs Debian's python3-opencv, python3-pil and libtiff-tools. Run from the repository root:
python3 test/image/make_tiff_fixtures.py
"""

import base64
import hashlib
import json
import os
import struct
import subprocess
import tempfile
import zlib

import cv2
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 37, 27
rng = np.random.default_rng(5)
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
plain = np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, ((x // 5 + y // 7) % 2) * 200], axis=-1)
rgb = np.clip(plain + rng.integers(-25, 26, plain.shape), 0, 255).astype(np.uint8)
picture = Image.fromarray(rgb)
out = os.path.abspath("test/fixtures/image/tiff.json")
os.chdir(tempfile.mkdtemp())


def tiffcp(source, target, *options):
    subprocess.run(["tiffcp", *options, source, target], check=True, capture_output=True)


def write(path, data, tags, size=(WIDTH, HEIGHT)):
    """A little-endian TIFF of one strip; YCbCr unless the tags say otherwise."""
    entries = {256: (3, [size[0]]), 257: (3, [size[1]]), 258: (3, [8, 8, 8]), 259: (3, [1]), 262: (3, [6])}
    entries |= {273: (4, [8]), 277: (3, [3]), 278: (3, [size[1]]), 279: (4, [len(data)]), **tags}
    data += b"\0" * (len(data) % 2)
    end = 8 + len(data) + 2 + 12 * len(entries) + 4
    table, extra = b"", b""
    for tag in sorted(entries):
        kind, values = entries[tag]
        packed = b"".join(
            struct.pack("<II", *v) if kind == 5 else struct.pack("<H" if kind == 3 else "<I", v) for v in values
        )
        if len(packed) > 4:
            field, extra = struct.pack("<I", end + len(extra)), extra + packed
        else:
            field = packed.ljust(4, b"\0")
        table += struct.pack("<HHI", tag, kind, len(values)) + field
    with open(path, "wb") as file:
        file.write(b"II*\0" + struct.pack("<I", 8 + len(data)) + data)
        file.write(struct.pack("<H", len(entries)) + table + b"\0" * 4 + extra)


def units(h, v):
    """Subsampled YCbCr: h × v luma samples, then one of each chroma."""
    ycbcr = np.array(picture.convert("YCbCr"))
    ycbcr = np.pad(ycbcr, ((0, -HEIGHT % v), (0, -WIDTH % h), (0, 0)), mode="edge")
    packed = bytearray()
    for top in range(0, ycbcr.shape[0], v):
        for left in range(0, ycbcr.shape[1], h):
            unit = ycbcr[top : top + v, left : left + h]
            packed += unit[:, :, 0].tobytes() + bytes([int(unit[:, :, 1].mean()), int(unit[:, :, 2].mean())])
    return bytes(packed)


def lzw(data):
    packed, buffer, count, table, bits, word = bytearray(), 256, 9, None, 9, b""

    def flush():
        nonlocal buffer, count
        while count >= 8:
            packed.append((buffer >> (count - 8)) & 255)
            count -= 8

    table = {bytes([i]): i for i in range(256)}
    following = 258
    for byte in data:
        longer = word + bytes([byte])
        if longer in table:
            word = longer
            continue
        buffer, count = (buffer << bits) | table[word], count + bits
        flush()
        table[longer] = following
        following += 1
        if following + 1 > 1 << bits:
            bits += 1
        word = bytes([byte])
    buffer, count = (buffer << bits) | table[word], count + bits
    buffer, count = (buffer << bits) | 257, count + bits
    flush()
    if count:
        packed.append((buffer << (8 - count)) & 255)
    return bytes(packed)


# CCITT
black_white = Image.fromarray(((np.array(picture.convert("L")) > 110) * 255).astype(np.uint8)).convert("1")
black_white.save("bw.tif")
rows = []
for _ in range(25):
    row, at, ink = np.zeros(3000, np.uint8), 0, 0
    while at < 3000:
        run = int(rng.choice([rng.integers(1, 70), rng.integers(1, 2900), rng.integers(1, 8)]))
        row[at : at + run] = ink * 255
        at, ink = at + run, 1 - ink
    rows += [row, np.roll(row, int(rng.integers(-4, 5)))]
Image.fromarray(np.array(rows)).convert("1").save("runs.tif")
for name in ["bw", "runs"]:
    tiffcp(f"{name}.tif", f"{name} g3.tif", "-c", "g3:1d")
    tiffcp(f"{name}.tif", f"{name} g3 2d.tif", "-c", "g3:2d:fill")
    tiffcp(f"{name}.tif", f"{name} g4.tif", "-c", "g4")
    Image.open(f"{name}.tif").save(f"{name} rle.tif", compression="tiff_ccitt")
tiffcp("bw.tif", "bw g4 strips.tif", "-c", "g4", "-r", "7")
tiffcp("bw.tif", "bw g4 tiles.tif", "-c", "g4", "-t", "-w", "32", "-l", "16")
tiffcp("bw.tif", "bw g3 2d lsb.tif", "-c", "g3:2d", "-f", "lsb2msb", "-r", "8")
# JPEG
picture.save("rgb.tif")
picture.convert("L").save("grey.tif")
picture.convert("CMYK").save("cmyk.tif")
tiffcp("rgb.tif", "jpeg ycbcr.tif", "-c", "jpeg:80", "-r", "32")
tiffcp("rgb.tif", "jpeg rgb.tif", "-c", "jpeg:r:80", "-r", "32")
tiffcp("rgb.tif", "jpeg strips.tif", "-c", "jpeg", "-r", "16")
tiffcp("rgb.tif", "jpeg tiles.tif", "-c", "jpeg", "-t", "-w", "16", "-l", "16")
tiffcp("grey.tif", "jpeg grey.tif", "-c", "jpeg", "-r", "32")
tiffcp("cmyk.tif", "jpeg cmyk.tif", "-c", "jpeg", "-r", "32")
# Colours
tiffcp("cmyk.tif", "cmyk lzw.tif", "-c", "lzw")
tiffcp("cmyk.tif", "cmyk planes.tif", "-p", "separate", "-c", "lzw")
noise = rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
Image.fromarray(noise, "LAB").save("lab.tif")
for h, v in [(2, 1), (2, 2), (4, 2), (1, 2), (4, 4)]:
    write(f"ycbcr {h}{v} none.tif", units(h, v), {530: (3, [h, v])})
write("ycbcr 21 lzw.tif", lzw(units(2, 1)), {259: (3, [5]), 530: (3, [2, 1])})
write("ycbcr 22 lzw.tif", lzw(units(2, 2)), {259: (3, [5]), 530: (3, [2, 2])})
write("ycbcr 22 zip.tif", zlib.compress(units(2, 2)), {259: (3, [8]), 530: (3, [2, 2])})
write("ycbcr default.tif", units(2, 2), {})
video = {532: (5, [(16, 1), (235, 1), (128, 1), (240, 1), (128, 1), (240, 1)])}
write("ycbcr video levels.tif", units(2, 2), {530: (3, [2, 2]), **video})
write("ycbcr noise.tif", noise.tobytes(), {530: (3, [1, 1]), **video})
write("ycbcr 709.tif", units(2, 2), {529: (5, [(2125, 10000), (7154, 10000), (721, 10000)])})
tiffcp("rgb.tif", "lzw lsb.tif", "-c", "lzw", "-f", "lsb2msb")

files = {}
for name in sorted(os.listdir(".")):
    if name in ("bw.tif", "runs.tif", "rgb.tif", "grey.tif", "cmyk.tif"):
        continue
    bgr = cv2.imread(name)
    expected = None
    if bgr is not None:
        data = np.ascontiguousarray(bgr[:, :, ::-1]).tobytes()
        expected = {"width": bgr.shape[1], "height": bgr.shape[0], "sha256": hashlib.sha256(data).hexdigest()}
    with open(name, "rb") as file:
        files[name] = {"base64": base64.b64encode(file.read()).decode(), "expected": expected}
producer = f"OpenCV {cv2.__version__}, libtiff's tools, Pillow {Image.__version__}"
with open(out, "w") as file:
    json.dump({"producer": producer, "files": files}, file, indent=1)
    file.write("\n")
print(len(files), "files;", sum(f["expected"] is None for f in files.values()), "refused")
