"""
Writes test/fixtures/image/*.json: small picture files and what OpenCV 4.6 makes of them, and its resizes of noise.

Needs Debian's python3-opencv, python3-pil and libjpeg-turbo-progs. Run from the repository root:
python3 test/image/make_fixtures.py
"""

import base64
import hashlib
import io
import json
import subprocess
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

OUT = Path("test/fixtures/image")
rng = np.random.default_rng(20240607)


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def picture(width, height):
    """Gradients, edges and a little noise, RGB."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 // width, y * 255 // height, ((x // 5 + y // 7) % 2) * 200], axis=-1).astype(np.int32)
    return np.clip(rgb + rng.integers(-25, 26, rgb.shape), 0, 255).astype(np.uint8)


files = {}


def add(name, data, expected="cv2"):
    """Keeps a file with OpenCV's answer (null where it refuses), or with Pillow's where `expected` is an array."""
    if isinstance(expected, str):
        with tempfile.NamedTemporaryFile(suffix="." + name.rsplit(".", 1)[1]) as file:
            file.write(data)
            file.flush()
            bgr = cv2.imread(file.name)
        rgb = None if bgr is None else bgr[:, :, ::-1]
    else:
        rgb = expected
    files[name] = {
        "base64": base64.b64encode(data).decode(),
        "expected": None
        if rgb is None
        else {"width": rgb.shape[1], "height": rgb.shape[0], "sha256": sha(rgb)},
    }


def cjpeg(rgb, *options):
    ppm = b"P6\n%d %d\n255\n" % (rgb.shape[1], rgb.shape[0]) + rgb.tobytes()
    return subprocess.run(["cjpeg", *options], input=ppm, capture_output=True, check=True).stdout


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff_block(orientation):
    return b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + b"\0" * 7


rgb = picture(37, 29)
image = Image.fromarray(rgb)
rgba = Image.fromarray(np.dstack([rgb, rng.integers(0, 256, rgb.shape[:2], dtype=np.uint8)]))

for sampling in ("1x1", "2x1", "1x2", "2x2", "4x1", "2x2,2x1,1x2", "1x1,2x2,1x1"):
    for extra in ([], ["-progressive"]):
        name = f"sampling {sampling}{' progressive' if extra else ''}.jpg"
        add(name, cjpeg(rgb, "-quality", "80", "-sample", sampling, *extra))
for size in ((1, 1), (1, 17), (17, 1), (2, 3), (5, 4)):
    add(f"{size[0]} x {size[1]}.jpg", cjpeg(picture(*size), "-quality", "70"))
add("restart every MCU.jpg", cjpeg(rgb, "-restart", "1B"))
add("restart progressive.jpg", cjpeg(rgb, "-restart", "1", "-progressive"))
add("grey.jpg", cjpeg(rgb, "-grayscale"))
add("rgb without transform.jpg", cjpeg(rgb, "-rgb"))
add("cmyk.jpg", saved(image.convert("CMYK"), "JPEG", quality=85))

larger = picture(90, 70)
baseline = cjpeg(larger, "-quality", "75", "-restart", "2B")
progressive = cjpeg(larger, "-quality", "75", "-progressive")
progressive_fine = cjpeg(larger, "-quality", "75", "-progressive", "-sample", "1x1")
for fraction in (0.3, 0.6, 0.9):
    for name, data in (("baseline", baseline), ("progressive", progressive), ("progressive 444", progressive_fine)):
        add(f"truncated {name} {fraction}.jpg", data[: int(len(data) * fraction)])
for seed in range(4):
    for name, data in (("baseline", baseline), ("progressive", progressive)):
        damaged = bytearray(data)
        scan = data.find(b"\xff\xda")
        for _ in range(3):
            damaged[int(rng.integers(scan + 14, len(data)))] = int(rng.integers(0, 256))
        add(f"damaged {name} {seed}.jpg", bytes(damaged))
add("ends in its header.jpg", baseline[:150])

corner = np.zeros((8, 16, 3), np.uint8)
corner[:4, :8], corner[:4, 8:], corner[4:, :8], corner[4:, 8:] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
corners = Image.fromarray(corner)
for orientation in range(1, 9):
    exif = tiff_block(orientation)
    add(f"orientation {orientation}.jpg", saved(corners, "JPEG", quality=95, exif=b"Exif\0\0" + exif))
    add(f"orientation {orientation}.png", saved(corners, "PNG", exif=exif))

modes = {"1": "bilevel", "L": "grey", "LA": "grey and alpha", "P": "palette", "RGB": "rgb", "RGBA": "rgba"}
for mode, name in modes.items():
    add(f"{name}.png", saved(rgba.convert(mode), "PNG"))
for bits in (1, 2, 4):
    add(f"palette {bits} bit.png", saved(image.quantize(1 << bits), "PNG", bits=bits))
add("palette with tRNS.png", saved(image.quantize(16), "PNG", transparency=3))
add("rgb with tRNS.png", saved(image, "PNG", transparency=tuple(int(v) for v in rgb[0, 0])))
for channels in (1, 3, 4):
    wide = rng.integers(0, 65536, (9, 11, channels), dtype=np.uint16)
    add(f"16 bit, {channels} channels.png", cv2.imencode(".png", wide)[1].tobytes())
whole = saved(image, "PNG")
add("truncated.png", whole[: len(whole) // 2])
add("without its end.png", whole[:-12])
idat = whole.find(b"IDAT")
add("wrong checksum of the pixels.png", whole[: idat + 40] + bytes([whole[idat + 40] ^ 1]) + whole[idat + 41 :])
add("wrong checksum of the time.png", whole[:33] + b"\0\0\0\7tIME" + b"\0" * 7 + b"\0\0\0\0" + whole[33:])
add("unknown critical chunk.png", whole[:33] + b"\0\0\0\0ABCD" + zlib.crc32(b"ABCD").to_bytes(4, "big") + whole[33:])

for quality in (20, 90):
    add(f"lossy {quality}.webp", saved(image, "WEBP", quality=quality))
    add(f"lossy {quality} alpha.webp", saved(rgba, "WEBP", quality=quality))
add("lossless.webp", saved(rgba, "WEBP", lossless=True, exact=True))
add("truncated.webp", saved(image, "WEBP")[:200])

for mode in ("1", "L", "P", "RGB", "RGBA"):
    add(f"{mode}.bmp", saved(rgba.convert(mode), "BMP"))
add("truncated.bmp", saved(image, "BMP")[:2000])
runs = bytes([5, 1, 0, 4, 2, 3, 4, 5, 0, 0, 9, 7, 0, 0, 0, 2, 3, 0, 6, 8, 0, 1])
rle8 = b"BM" + (54 + 64 + len(runs)).to_bytes(4, "little") + bytes(4) + (118).to_bytes(4, "little")
rle8 += b"".join(v.to_bytes(4, "little") for v in (40, 9, 3)) + b"\1\0\x08\0" + (1).to_bytes(4, "little")
rle8 += len(runs).to_bytes(4, "little") + bytes(8) + (16).to_bytes(4, "little") + bytes(4)
rle8 += b"".join(bytes([16 * i, 255 - 9 * i, 5 * i, 0]) for i in range(16)) + runs
add("run lengths.bmp", rle8)

for mode in ("1", "L", "P", "RGB", "RGBA"):
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        add(f"{mode} {compression}.tif", saved(rgba.convert(mode), "TIFF", compression=compression))
add("16 bit.tif", cv2.imencode(".tif", rng.integers(0, 65536, (9, 11, 3), dtype=np.uint16))[1].tobytes())
add("truncated.tif", saved(image, "TIFF")[:1500])

add("bits.pbm", saved(image.convert("1"), "PPM"))
add("grey.pgm", saved(image.convert("L"), "PPM"))
add("colour.ppm", saved(image, "PPM"))
add("text.ppm", b"P3\n# a comment\n4 2\n15\n" + b" ".join(b"%d" % (i % 16) for i in range(24)) + b"\n")
add("16 bit.pgm", b"P5 3 2 65535\n" + rng.integers(0, 256, 12, dtype=np.uint8).tobytes())

for colors in (2, 64, 256):
    gif = image.quantize(colors)
    data = saved(gif, "GIF")
    add(f"{colors} colours.gif", data, np.array(Image.open(io.BytesIO(data)).convert("RGB")))
data = saved(image.quantize(64), "GIF", interlace=True)
add("interlaced.gif", data, np.array(Image.open(io.BytesIO(data)).convert("RGB")))


def noise(width, height, seed):
    """The noise of test/image/noise.ts."""
    state = seed
    out = np.empty(width * height * 3, np.uint8)
    for i in range(out.size):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = state >> 24
    return out.reshape(height, width, 3)


MEAN = np.array((0.485, 0.456, 0.406), np.float32)
DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)
resizes, classified = [], []
sizes = [
    ((101, 77), (64, 49)),
    ((90, 60), (64, 42)),
    ((53, 37), (160, 111)),
    ((64, 48), (32, 24)),
    ((60, 45), (20, 15)),
    ((64, 64), (16, 32)),
    ((31, 20), (31, 13)),
    ((200, 150), (64, 48)),
    ((1, 1), (9, 5)),
    ((2, 1), (7, 7)),
    ((1, 50), (1, 13)),
    ((123, 7), (41, 7)),
    ((9, 200), (4, 64)),
    ((33, 65), (32, 64)),
    ((64, 41), (64, 41)),
    ((150, 10), (640, 43)),
]
for seed, ((width, height), (to_width, to_height)) in enumerate(sizes, 1):
    source = noise(width, height, seed)
    shrinks = to_width <= width and to_height <= height
    resizes.append(
        {
            "seed": seed,
            "from": [width, height],
            "to": [to_width, to_height],
            "linear": sha(cv2.resize(source, (to_width, to_height), interpolation=cv2.INTER_LINEAR)),
            "area": sha(cv2.resize(source, (to_width, to_height), interpolation=cv2.INTER_AREA)) if shrinks else None,
        }
    )
for seed, ((width, height), size) in enumerate((((53, 37), 32), ((20, 41), 32), ((33, 33), 16), ((5, 3), 3)), 101):
    source = noise(width, height, seed)
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    square = cv2.resize(source[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_LINEAR)
    tensor = (square.transpose(2, 0, 1).astype(np.float32) / np.float32(255) - MEAN[:, None, None]) / DEVIATION[:, None, None]
    classified.append({"seed": seed, "from": [width, height], "size": size, "sha256": sha(tensor)})

OUT.mkdir(parents=True, exist_ok=True)
producer = f"OpenCV {cv2.__version__}"
(OUT / "decode.json").write_text(json.dumps({"producer": producer, "files": files}, indent=1) + "\n")
(OUT / "resize.json").write_text(
    json.dumps({"producer": producer, "resizes": resizes, "classified": classified}, indent=1) + "\n"
)
print(len(files), "files,", (OUT / "decode.json").stat().st_size, "bytes")
print("refused:", [name for name, entry in files.items() if entry["expected"] is None])
