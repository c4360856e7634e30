/**
 * Describes a file that is not a checkpoint: one sentence with its kind and advice. Works on the first bytes and
 * parses no more than necessary.
 */

import { protobufKind } from "./protobuf.js";

const EXPORTED = "give the .pt checkpoint that it was exported from";
const SERVER_ERROR = "is a server's error message instead of a download; download the file again";
const EXPECTED = "give a YOLOv5 .pt checkpoint or a .safetensors file";

interface Signature {
  readonly at: number;
  /** Latin-1. */
  readonly bytes: string;
  readonly sentence: string;
}

const SIGNATURES: readonly Signature[] = [
  { at: 4, bytes: "TFL3", sentence: `is a TensorFlow Lite model; ${EXPORTED}` },
  { at: 0, bytes: "\x89HDF\r\n\x1a\n", sentence: `is an HDF5 file (a Keras .h5 model?); ${EXPORTED}` },
  { at: 0, bytes: "GGUF", sentence: `is a GGUF model (llama.cpp); ${EXPECTED}` },
  { at: 0, bytes: "lmgg", sentence: `is a GGML model; ${EXPECTED}` },
  { at: 0, bytes: "ftrt", sentence: `is a TensorRT engine, which runs on one kind of NVIDIA GPU only; ${EXPORTED}` },
  { at: 0, bytes: "ptrt", sentence: `is a TensorRT engine, which runs on one kind of NVIDIA GPU only; ${EXPORTED}` },
  { at: 0, bytes: "\x47\x6b\x30\x01", sentence: `is an ncnn weight file (.bin); ${EXPORTED}` },
  { at: 0, bytes: "RKNN", sentence: `is an RKNN model (Rockchip NPU); ${EXPORTED}` },
  { at: 0, bytes: "\x93NUMPY", sentence: `is a NumPy array (.npy); ${EXPECTED}` },
  { at: 257, bytes: "ustar", sentence: "is a tar archive; unpack it and give the checkpoint inside" },
  { at: 0, bytes: "\x1f\x8b", sentence: "is gzip-compressed; unpack it (gunzip) and give the checkpoint inside" },
  { at: 0, bytes: "7z\xbc\xaf\x27\x1c", sentence: "is a 7-Zip archive; unpack it and give the checkpoint inside" },
  { at: 0, bytes: "Rar!", sentence: "is a RAR archive; unpack it and give the checkpoint inside" },
  { at: 0, bytes: "\x28\xb5\x2f\xfd", sentence: "is zstd-compressed; unpack it and give the checkpoint inside" },
  { at: 0, bytes: "\xfd7zXZ", sentence: "is xz-compressed; unpack it and give the checkpoint inside" },
  { at: 0, bytes: "BZh", sentence: "is bzip2-compressed; unpack it and give the checkpoint inside" },
  { at: 0, bytes: "\x89PNG\r\n", sentence: "is a PNG picture, not a checkpoint; did you mean --source?" },
  { at: 0, bytes: "\xff\xd8\xff", sentence: "is a JPEG picture, not a checkpoint; did you mean --source?" },
  { at: 0, bytes: "GIF8", sentence: "is a GIF picture, not a checkpoint; did you mean --source?" },
  { at: 0, bytes: "BM", sentence: "is a BMP picture, not a checkpoint; did you mean --source?" },
  { at: 8, bytes: "WEBP", sentence: "is a WebP picture, not a checkpoint; did you mean --source?" },
  { at: 0, bytes: "II*\0", sentence: "is a TIFF picture, not a checkpoint; did you mean --source?" },
  { at: 0, bytes: "MM\0*", sentence: "is a TIFF picture, not a checkpoint; did you mean --source?" },
  { at: 4, bytes: "ftypavif", sentence: "is an AVIF picture, not a checkpoint; did you mean --source?" },
  { at: 4, bytes: "ftyp", sentence: "is a video or HEIF picture, not a checkpoint; did you mean --source?" },
  { at: 8, bytes: "AVI ", sentence: "is a video, not a checkpoint; did you mean --source?" },
  { at: 0, bytes: "\x01HEF", sentence: `is a HEF model (Hailo); ${EXPORTED}` },
  { at: 0, bytes: "MATLAB 5.0", sentence: `is a MATLAB file (.mat); ${EXPECTED}` },
  {
    at: 0,
    bytes: "x\x01",
    sentence: "is zlib-compressed (a joblib dump of scikit-learn?); give a YOLOv5 .pt checkpoint",
  },
  {
    at: 0,
    bytes: "x\x9c",
    sentence: "is zlib-compressed (a joblib dump of scikit-learn?); give a YOLOv5 .pt checkpoint",
  },
  {
    at: 0,
    bytes: "x\xda",
    sentence: "is zlib-compressed (a joblib dump of scikit-learn?); give a YOLOv5 .pt checkpoint",
  },
  { at: 0, bytes: "%PDF", sentence: `is a PDF document; ${EXPECTED}` },
  { at: 0, bytes: "\x7fELF", sentence: `is a program or library, not a checkpoint; ${EXPECTED}` },
];

/** The sentence for a file that is neither zip, legacy PyTorch nor safetensors. */
export function identify(bytes: Uint8Array): string {
  const trtMetadata = tensorRtWithMetadata(bytes);
  for (const { at, bytes: magic, sentence } of SIGNATURES) {
    if (matches(bytes, at, magic)) return sentence;
  }
  if (trtMetadata) return `is a TensorRT engine, which runs on one kind of NVIDIA GPU only; ${EXPORTED}`;
  const text = leadingText(bytes);
  if (text !== undefined) return identifyText(text);
  if (isDarknet(bytes)) return `is a Darknet .weights file; ${EXPECTED}`;
  if (bytes[0] === 0x80 && bytes[1] <= 5) {
    return identifyPickle(bytes);
  }
  switch (protobufKind(bytes)) {
    case "onnx":
      return "is an ONNX model, which only load() and --weights read; give a YOLOv5 .pt checkpoint or a .safetensors file here";
    case "saved-model":
      return `is a TensorFlow SavedModel (saved_model.pb); ${EXPORTED}`;
    case "graph-def":
      return `is a frozen TensorFlow graph (.pb); ${EXPORTED}`;
    case "core-ml":
      return `is a Core ML model; ${EXPORTED}`;
    default: {
      const first = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
      return `is not a known kind of file (it begins with the bytes ${first}); ${EXPECTED}`;
    }
  }
}

function matches(bytes: Uint8Array, at: number, magic: string): boolean {
  if (at + magic.length > bytes.length) return false;
  for (let i = 0; i < magic.length; i++) if (bytes[at + i] !== magic.charCodeAt(i)) return false;
  return true;
}

/** Exporters may put a length and JSON before the engine. */
function tensorRtWithMetadata(bytes: Uint8Array): boolean {
  if (bytes.length < 12 || bytes[4] !== 0x7b) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  return matches(bytes, 4 + length, "ftrt") || matches(bytes, 4 + length, "ptrt");
}

/** Version 0.1 or 0.2 as three int32, then a counter of images. */
function isDarknet(bytes: Uint8Array): boolean {
  if (bytes.length < 20) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12);
  return view.getInt32(0, true) === 0 && [1, 2].includes(view.getInt32(4, true)) && view.getInt32(8, true) < 10;
}

/** The first 512 bytes as text; `undefined` where they hold control characters or are not UTF-8. */
function leadingText(bytes: Uint8Array): string | undefined {
  const head = bytes.subarray(0, 512);
  for (const byte of head) if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13) return undefined;
  // A character may be cut at the end of the sample: streaming mode holds it back instead of failing.
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
  } catch {
    return undefined;
  }
}

function identifyText(text: string): string {
  const trimmed = text.replace(/^\ufeff/, "").trimStart();
  const lower = trimmed.toLowerCase();
  if (lower.startsWith("version https://git-lfs")) {
    return 'is a git-lfs pointer, not the file itself; run "git lfs pull"';
  }
  if (lower.startsWith("<!doctype html") || lower.startsWith("<html") || /^<\?xml[^>]*>\s*<!doctype html/.test(lower)) {
    return "is a web page (HTML), probably an error or login page instead of a download; download the file again";
  }
  if (/^(<\?xml[^>]*>\s*)?<error>/.test(lower)) {
    return SERVER_ERROR;
  }
  if (lower.startsWith("<?xml") || lower.startsWith("<net ")) {
    return `is XML (an OpenVINO model description?); ${EXPORTED}`;
  }
  if (trimmed.startsWith("7767517")) return `is an ncnn network description (.param); ${EXPORTED}`;
  if (trimmed.startsWith("[net]")) return `is a Darknet .cfg file; ${EXPECTED}`;
  if (/^[[{]/.test(trimmed)) return identifyJson(trimmed);
  if (/^(backbone|head):/m.test(trimmed)) return `is a model description (.yaml) without weights; ${EXPECTED}`;
  const line = trimmed.split(/\r?\n/, 1)[0].slice(0, 40);
  return `is plain text (it begins with ${JSON.stringify(line)}); ${EXPECTED}`;
}

/** Keys that one kind of JSON file begins with. */
const JSON_KINDS: readonly { readonly pattern: RegExp; readonly sentence: string }[] = [
  {
    pattern: /"(modelTopology|weightsManifest)"\s*:|"format"\s*:\s*"(graph|layers)-model"/,
    sentence: `is a TensorFlow.js model (model.json); ${EXPORTED}`,
  },
  {
    pattern: /"itemInfoEntries"\s*:|"fileFormatVersion"\s*:/,
    sentence: `is the manifest of a Core ML package (.mlpackage); ${EXPORTED}`,
  },
  { pattern: /"magic"\s*:\s*"pir"/, sentence: `is a PaddlePaddle model (.json program); ${EXPORTED}` },
  {
    pattern: /"weight_map"\s*:/,
    sentence: "is the index of a safetensors model in parts; join the parts and give the one .safetensors file",
  },
  {
    pattern: /"(architectures|model_type|_name_or_path|transformers_version)"\s*:/,
    sentence: `is the configuration of a Hugging Face model, without its weights; ${EXPECTED}`,
  },
  {
    pattern: /"(annotations|images|categories)"\s*:\s*\[/,
    sentence: `is JSON text with annotations (COCO?), not a model; ${EXPECTED}`,
  },
  {
    pattern: /^\{\s*"(message|error|errors|detail|status)"\s*:/,
    sentence: SERVER_ERROR,
  },
];

function identifyJson(text: string): string {
  return JSON_KINDS.find(({ pattern }) => pattern.test(text))?.sentence ?? `is JSON text; ${EXPECTED}`;
}

/** The writers of pickles that are not checkpoints, by names in their first kilobytes. */
const PICKLE_KINDS: readonly { readonly pattern: RegExp; readonly what: string }[] = [
  { pattern: /StructuredToParameterName@@|\bpaddle\b/, what: "is a file of PaddlePaddle weights (.pdparams)" },
  { pattern: /\bdetectron2\b|__author__.{0,12}Detectron/i, what: "is a model of Detectron2" },
  { pattern: /\bsklearn\b|\bjoblib\b/, what: "is a scikit-learn model (pickle or joblib)" },
  { pattern: /\b(xgboost|lightgbm|catboost)\b/, what: "is a model of gradient-boosted trees" },
  { pattern: /\b(keras|tensorflow)\b/, what: "is a pickled Keras or TensorFlow model" },
  { pattern: /\b(fastai|pytorch_lightning)\b/, what: "is a fastai or Lightning pickle" },
  { pattern: /\bnumpy\b/, what: "is a Python pickle of NumPy arrays" },
];

function identifyPickle(bytes: Uint8Array): string {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 8192));
  const what = PICKLE_KINDS.find(({ pattern }) => pattern.test(head))?.what;
  if (what !== undefined) return `${what}; ${EXPECTED}`;
  return "is a Python pickle that torch.save did not write (or a cut-off one); give a file written by torch.save";
}
