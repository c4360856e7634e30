/** What the fuzzer tries: kinds of cases with their weights, each drawn from a seed, and what counts as a fault. */

import { EngineError } from "../../src/errors.js";
import { decodeImage } from "../../src/image/index.js";
import { graphFlops } from "../../src/ops/index.js";
import { asPlainObject, collectStateDict, openCheckpoint } from "../../src/weights/index.js";
import { createMember, type OpenedModel, openModel, openModelFile } from "../../src/yolov5/loadModel.js";
import { externalFilesOf, openOnnx } from "../../src/yolov5/onnx/index.js";
import type { Draw } from "./draw.js";
import { checkpointFile, legacyFile, valueFile, zipFile } from "./files/checkpoints.js";
import { onnxFile } from "./files/onnx.js";
import { describedFile, headerFile, treeFile } from "./files/safetensors.js";
import { checkMessage, textCase } from "./files/texts.js";
import { networkCase, type OpenBackend } from "./networks/agree.js";
import { jpeg } from "./pictures/jpeg.js";
import { avif, bmp, gif, pnm, webp } from "./pictures/others.js";
import { png } from "./pictures/png.js";
import { tiff } from "./pictures/tiff.js";

/** Resolves where what was drawn is sound enough to be used. @throws EngineError where it is refused. */
type RunCase = (draw: Draw, open: OpenBackend) => Promise<void>;

/** Beyond it, a network of a file is compiled and not run: the bounds allow minutes on slow machines. */
const MOST_OPERATIONS = 5e8;

/** Reads a checkpoint and walks what is in it: few of these hold a network. */
const reads =
  (make: (draw: Draw) => Uint8Array): RunCase =>
  async (draw, open) => {
    const file = make(draw);
    const checkpoint = openCheckpoint(file, { path: "case" });
    for (const value of checkpoint.extra.values()) asPlainObject(value);
    const tensors = checkpoint.module ? collectStateDict(checkpoint.module) : checkpoint.stateDict;
    for (const { data, shape } of tensors?.values() ?? []) {
      if (shape.reduce((a, b) => a * b, 1) !== data.length)
        throw new Error(`a tensor of ${data.length} for [${shape}]`);
    }
    await outcomeOf(() => opens(() => file)(draw, open));
  };

const openFile = async (bytes: Uint8Array): Promise<OpenedModel> => openModel(bytes, { path: "case" });

/** Whatever files an export names are there, with a few bytes each. */
async function openExport(bytes: Uint8Array): Promise<OpenedModel> {
  const beside = new Uint8Array(4096);
  const readOnnx = async (file: Uint8Array, path: string) =>
    openOnnx(file, path, new Map(externalFilesOf(file).map((name) => [name, beside])));
  return openModelFile(bytes, { path: "case", readOnnx });
}

/** Opens a model and runs its network. */
const opens =
  (make: (draw: Draw) => Uint8Array, read = openFile): RunCase =>
  async (draw, open) => {
    const opened = await read(make(draw));
    const backend = await open("wasm");
    if (!backend) return;
    const { network, info } = createMember(opened, backend, { path: "case" });
    try {
      if (info.names.some((name) => name.length > 257)) throw new Error("a class name of more than 256 characters");
      for (const [key, note] of Object.entries(info.notes)) checkMessage(`${key}: ${note}`);
      const [height, width] = info.onlyImgsz ?? [2 * info.stride, 2 * info.stride];
      const shape = [1, 3, height, width] as const;
      const { graph } = network.build(shape);
      if (graphFlops(graph) > MOST_OPERATIONS) (await backend.compile(graph)).dispose();
      else await network.forward({ dtype: "float32", shape, data: new Float32Array(3 * height * width) });
    } finally {
      network.dispose();
    }
  };

const decodes =
  (make: (draw: Draw) => Uint8Array): RunCase =>
  async (draw) => {
    const notes: string[] = [];
    // The default bound for one in many: pictures of that size take seconds, as they may.
    const maxPixels = draw.chance(0.02) ? undefined : 2 ** 20;
    const bytes = make(draw);
    const { width, height, data } = await decodeImage(bytes, {
      path: "case",
      maxPixels,
      onNote: (note) => notes.push(note),
    });
    if (data.length !== 3 * width * height) throw new Error(`${data.length} bytes for ${width}×${height} pixels`);
    for (const note of notes) checkMessage(note);
  };

export const KINDS = new Map<string, readonly [weight: number, run: RunCase]>([
  ["networks on all backends", [3, networkCase]],
  ["models with odd values", [16, opens(checkpointFile)]],
  ["any values as a checkpoint", [8, reads(valueFile)]],
  ["legacy checkpoints", [6, reads(legacyFile)]],
  ["zips", [8, reads(zipFile)]],
  ["safetensors headers", [6, reads(headerFile)]],
  ["module trees in safetensors", [6, opens(treeFile)]],
  ["ONNX exports", [8, opens(onnxFile, openExport)]],
  ["described models", [4, opens(describedFile)]],
  ["YAML, JSON, lists, labels", [9, textCase]],
  ["PNG", [6, decodes(png)]],
  ["JPEG", [6, decodes(jpeg)]],
  ["TIFF", [6, decodes(tiff)]],
  ["GIF", [4, decodes(gif)]],
  ["BMP", [4, decodes(bmp)]],
  ["WebP", [3, decodes(webp)]],
  ["PNM", [2, decodes(pnm)]],
  ["AVIF", [1, decodes(avif)]],
]);

export type Outcome = "used" | "refused";

/**
 * Runs a case.
 * @throws Error for a fault: anything but success or one `EngineError` with one line of a bounded length.
 */
export async function runCase(kind: string, draw: Draw, open: OpenBackend): Promise<Outcome> {
  const [, run] = KINDS.get(kind) ?? [];
  if (!run) throw new Error(`no kind ${kind}`);
  return outcomeOf(() => run(draw, open));
}

async function outcomeOf(work: () => Promise<void>): Promise<Outcome> {
  try {
    await work();
    return "used";
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (error.message.includes("internal error")) throw error;
    checkMessage(error.message);
    return "refused";
  }
}

/** Which kind a case is of. */
export function kindOf(draw: Draw): string {
  return draw.weighted([...KINDS].map(([kind, [weight]]) => [weight, kind] as const));
}
