/** Files that are not checkpoints: what they are and what to do, and zip archives. */

import { deflateSync, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { openCheckpoint } from "../../src/weights/index.js";
import { bytes, checkpoint, fixture, le, type RawEntry, rawZip, tensorOps, text, zip } from "./support.js";

function message(file: Uint8Array | string, path = "best.pt"): string {
  try {
    openCheckpoint(typeof file === "string" ? bytes(file) : file, { path });
  } catch (error) {
    if (error instanceof CheckpointError) {
      expect(error.details.path).toBe(path);
      return error.message;
    }
    throw error;
  }
  return "opened";
}

/** A protobuf field: length-delimited contents or a varint. */
function field(number: number, contents: string | number): string {
  const tag = varint(number * 8 + (typeof contents === "string" ? 2 : 0));
  return tag + (typeof contents === "string" ? varint(contents.length) + contents : varint(contents));
}

function varint(value: number): string {
  return value < 128
    ? String.fromCharCode(value)
    : String.fromCharCode((value & 127) | 128) + varint(Math.floor(value / 128));
}

const onnx =
  field(1, 8) + field(2, "pytorch") + field(3, "2.0") + field(7, field(1, "node".repeat(100))) + field(8, "\x10\x11");

describe("the message says what a file is and what to do", () => {
  it.each<[string, Uint8Array | string, RegExp]>([
    ["nothing", "", /^best\.pt: is empty \(0 bytes\); download or copy it again$/],
    [
      "a git-lfs pointer",
      `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 4062133\n`,
      /^best\.pt: is a git-lfs pointer, not the file itself; run "git lfs pull"$/,
    ],
    ["a web page", "\n<!DOCTYPE html><html><body>404</body></html>", /is a web page \(HTML\).*download the file again/],
    ["a web page with a byte order mark", "\xef\xbb\xbf<html lang=en>", /is a web page/],
    ["XHTML", '<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC>', /is a web page/],
    [
      "an error of a server",
      '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
      /is a server's error message instead of a download; download the file again$/,
    ],
    [
      "an error of a server in JSON",
      '{"message":"API rate limit exceeded"}',
      /is a server's error message instead of a download; download the file again$/,
    ],
    [
      "a model's description",
      "# YOLOv5\nnc: 80\nanchors:\n  - [10,13]\nbackbone:\n  [[-1, 1, Conv, [64, 6, 2, 2]]]\nhead:\n",
      /is a model description \(\.yaml\) without weights; give a YOLOv5 \.pt checkpoint/,
    ],
    ["OpenVINO", '<?xml version="1.0"?>\n<net name="model">', /OpenVINO/],
    ["ONNX", onnx, /is an ONNX model, which only load\(\) and --weights read/],
    ["ONNX, cut off", onnx.slice(0, 200), /is an ONNX model/],
    ["TFLite", `\x1c\x00\x00\x00TFL3\x14\x00\x20\x00`, /is a TensorFlow Lite model/],
    [
      "SavedModel",
      field(1, 1) + field(2, field(1, "meta".repeat(20)) + field(2, "graph")),
      /is a TensorFlow SavedModel/,
    ],
    [
      "GraphDef",
      field(1, field(1, "x") + field(2, "Placeholder")) + field(4, field(1, 1000)),
      /is a frozen TensorFlow/,
    ],
    ["Core ML", field(1, 6) + field(2, field(1, "in")) + field(502, "program"), /is a Core ML model/],
    ["HDF5", "\x89HDF\r\n\x1a\n\0\0\0\0", /is an HDF5 file \(a Keras \.h5 model\?\)/],
    ["ncnn .param", "7767517\n192 225\nInput images 0 1 images\n", /is an ncnn network description/],
    ["ncnn .bin", "\x47\x6b\x30\x01\0\0\0\0", /is an ncnn weight file/],
    ["TensorRT", "ftrt\x01\0\0\0", /is a TensorRT engine/],
    ["TensorRT with metadata", `${le(12)}{"stride":32}ftrt`.replace("\x0c", "\x0d"), /is a TensorRT engine/],
    ["GGUF", "GGUF\x03\0\0\0", /is a GGUF model/],
    [
      "TensorFlow.js",
      '{"format": "graph-model", "generatedBy": "2.9.1", "modelTopology": {',
      /is a TensorFlow\.js model/,
    ],
    ["TensorFlow.js layers", '{"modelTopology":{"keras_version":"2.1"', /is a TensorFlow\.js model.*give the \.pt/],
    ["TensorFlow.js, weights first", ' {\n"weightsManifest": [{"paths"', /is a TensorFlow\.js model/],
    ["a Core ML package", '{"fileFormatVersion": "1.0.0", "itemInfoEntries": {', /Core ML package/],
    ["a Hugging Face config", '{"_name_or_path": "facebook/detr", "architectures": []', /Hugging Face/],
    ["an index of parts", '{"metadata": {}, "weight_map": {}}', /in parts; join/],
    ["annotations", '{"info": {}, "images": [], "annotations": []}', /annotations \(COCO\?\)/],
    [
      "PaddlePaddle",
      "\x80\x02}q\x00X\x19\0\0\0StructuredToParameterName@@q\x01",
      /is a file of PaddlePaddle weights \(\.pdparams\)/,
    ],
    ["scikit-learn", "\x80\x04\x95\x30\0\0\0\0\0\0\0\x8c\x15sklearn.svm._classes\x94", /is a scikit-learn model/],
    ["Detectron2", "\x80\x04}(\x8c\x0a__author__\x94\x8c\x0aDetectron2\x94", /Detectron2/],
    ["NumPy arrays", "\x80\x04\x8c\x15numpy.core.multiarray\x94", /pickle of NumPy arrays/],
    ["a joblib dump", "x\x9c\x01\x02\x03\x04", /joblib dump/],
    ["Hailo", "\x01HEF\0\0\0\x02", /Hailo/],
    ["JSON", '{"names": ["a"]}', /is JSON text/],
    ["YAML", "nc: 80\nnames: [a]\n", /is plain text \(it begins with "nc: 80"\)/],
    ["text in another language", "nombre: caf\xc3\xa9\n".repeat(60), /is plain text \(it begins with "nombre: café"\)/],
    ["a Darknet cfg", "[net]\nbatch=64\n", /is a Darknet \.cfg/],
    ["Darknet weights", `${le(0)}${le(2)}${le(5)}${le(32013312, 8)}\x01\x02\x03\x04`, /is a Darknet \.weights file/],
    ["PNG", "\x89PNG\r\n\x1a\n", /is a PNG picture.*--source/],
    ["JPEG", "\xff\xd8\xff\xe0\0\x10JFIF", /is a JPEG picture/],
    ["GIF", "GIF89a", /is a GIF picture/],
    ["WebP", "RIFF\0\0\0\0WEBPVP8 ", /is a WebP picture/],
    ["MP4", "\0\0\0\x18ftypmp42", /is a video/],
    ["gzip", "\x1f\x8b\x08\0", /is gzip-compressed/],
    ["tar", `${"a".repeat(257).replace(/a/g, "\0")}ustar\0`, /is a tar archive/],
    ["another pickle", "\x80\x04}\x94.", /is a Python pickle that torch\.save did not write/],
    ["noise", "\x01\x02\x03\x04\x05\x06\x07\x08", /begins with the bytes 01 02 03 04 05 06 07 08/],
    ["one byte", "\x00", /begins with the bytes 00/],
    ["the first two bytes of a zip", "PK", /is plain text/],
  ])("%s", (_, file, expected) => {
    expect(message(file)).toMatch(expected);
    expect(message(file).split("\n")).toHaveLength(1);
  });

  it("quotes names from the file without control characters", () => {
    const clear = message(checkpoint(`}(${text("a\x1b[2J\nb")}K\x01u.`));
    expect(clear).toContain("its keys: a\ufffd[2J b)");
    expect(message(checkpoint(`}(${text("k".repeat(5000))}K\x01u.`)).length).toBeLessThan(700);
  });

  it("begins with 'checkpoint:' if there is no path", () => {
    expect(() => openCheckpoint(new Uint8Array())).toThrow("checkpoint: is empty (0 bytes); download or copy it again");
  });
});

describe("zip archives", () => {
  const good = fixture("tensors.pt");
  const deflated = fixture("tensors-deflated.pt");
  /** A copy with one field of every central (or the first local) entry changed. */
  const patched = (file: Uint8Array, change: (view: DataView, central: number) => void): Uint8Array => {
    const copy = file.slice();
    const view = new DataView(copy.buffer);
    for (let at = 0; at + 46 <= copy.length; at++) if (view.getUint32(at, true) === 0x02014b50) change(view, at);
    return copy;
  };

  it.each<[string, Uint8Array, RegExp]>([
    ["cut by 100 bytes", good.subarray(0, -100), /is a truncated zip archive.*download or copy it again/],
    ["cut in the middle", good.subarray(0, 1000), /is a truncated zip archive/],
    ["cut after 4 bytes", good.subarray(0, 4), /is a truncated zip archive/],
    [
      "encrypted",
      patched(good, (view, at) => view.setUint16(at + 8, 1, true)),
      /is an encrypted zip archive; decrypt it/,
    ],
    ["bzip2 inside", patched(good, (view, at) => view.setUint16(at + 10, 12, true)), /compression method 12/],
    ["sizes that differ", patched(good, (view, at) => view.setUint32(at + 24, 5, true)), /two different sizes/],
    [
      "an entry beyond the end",
      patched(good, (view, at) => {
        view.setUint32(at + 20, 1e9, true);
        view.setUint32(at + 24, 1e9, true);
      }),
      /ends at byte 10000\d+ of/,
    ],
    [
      "headers beyond the end",
      patched(good, (view, at) => view.setUint32(at + 42, 1e9, true)),
      /has no header at byte/,
    ],
    ["a zip bomb", patched(deflated, (view, at) => view.setUint32(at + 24, 4e9, true)), /declares 4000000000 bytes/],
    [
      "more than declared",
      patched(deflated, (view, at) => view.setUint32(at + 24, 3, true)),
      /does not inflate to its declared 3/,
    ],
    ["less than declared", patched(deflated, (view, at) => view.setUint32(at + 24, 2000, true)), /does not inflate/],
    [
      "another start of the directory",
      good.map((byte, i) => (i === good.length - 6 ? byte ^ 1 : byte)),
      /table of contents breaks off after 0 of/,
    ],
    [
      "a torch.jit archive",
      zip({ "m/data.pkl": "N.", "m/code/x.py": "", "m/constants.pkl": "N." }),
      /is a TorchScript archive/,
    ],
    ["an .npz", zip({ "a.npy": "\x93NUMPY" }), /is a NumPy \.npz archive/],
    ["a .keras", zip({ "config.json": "{}", "model.weights.h5": "" }), /is a Keras model/],
    ["a .pt2", zip({ archive_format: "pt2", "models/model.json": "{}" }), /is a torch\.export program/],
    ["a zipped checkpoint", zip({ "runs/best.pt": "x" }), /contains runs\/best\.pt; unpack it/],
    ["another zip", zip({ "word/document.xml": "x" }), /not a PyTorch checkpoint \(no data\.pkl; it contains word/],
    ["an empty zip", zipSync({}), /it contains nothing/],
    ["an unknown byte order", zip({ "a/data.pkl": "N.", "a/byteorder": "middle" }), /byteorder is "middle"/],
  ])("%s", (_, file, expected) => {
    expect(message(file)).toMatch(expected);
  });

  it("limits what many references to one compressed storage may inflate to", () => {
    // 300 entries that share one deflated MiB of zeros: a file of some KiB that would unpack to 300 MiB.
    const size = 2 ** 20;
    const data = deflateSync(new Uint8Array(size));
    const entries: RawEntry[] = [];
    let items = "";
    for (let key = 0; key < 300; key++) {
      entries.push({ name: `a/data/${key}`, data, method: 8, size });
      items += text(`w${key}`) + tensorOps(String(key), size / 4, 0, [size / 4], [1]);
    }
    const pickle = bytes(`}(${items}u.`);
    entries.push({ name: "a/data.pkl", data: pickle, method: 0, size: pickle.length });
    expect(message(rawZip(entries))).toMatch(/more memory than a file of its size should/);
  });
});
