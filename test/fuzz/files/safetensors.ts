/** Safetensors files whose headers lie, and whose metadata hold module trees and descriptions of models. */

import { EngineError, WeightError } from "../../../src/errors.js";
import { elementCount, type HostTensor, tensor } from "../../../src/tensor/index.js";
import { collectStateDict, writeSafetensors } from "../../../src/weights/index.js";
import { moduleTreeToJson } from "../../../src/yolov5/checkpoint/moduleJson.js";
import type { TensorSource } from "../../../src/yolov5/config/layerFactory.js";
import { parseModelConfig } from "../../../src/yolov5/config/modelConfig.js";
import { randomSource } from "../../../src/yolov5/config/sources.js";
import { synthesizeModule } from "../../../src/yolov5/config/synthesize.js";
import { bytes, le } from "../../weights/support.js";
import type { Draw } from "../draw.js";
import { randomNetwork } from "../networks/network.js";

const DTYPES = [
  "F32",
  "F16",
  "BF16",
  "F64",
  "I64",
  "I32",
  "I16",
  "I8",
  "U8",
  "BOOL",
  "F8_E4M3",
  "f32",
  "",
  7,
  null,
  ["F32"],
];
const WIDTHS: Readonly<Record<string, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F64: 8,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** Any JSON value. */
export function json(draw: Draw, depth = 4): unknown {
  const scalar = (): unknown =>
    draw.pick<unknown>([null, true, false, draw.odd(), -1, 0.5, 1e308, draw.text(), "", "nc", "anchors"]);
  if (depth === 0) return scalar();
  return draw.weighted<() => unknown>([
    [3, scalar],
    [1, () => draw.several(0, 5, () => json(draw, depth - 1))],
    [1, () => Object.fromEntries(draw.several(0, 5, () => [draw.text(), json(draw, depth - 1)]))],
    [0.05, () => JSON.parse("[".repeat(2000) + "]".repeat(2000))],
  ])();
}

/** A JSON text with one value of it replaced by any other. */
function disturbed(draw: Draw, text: string): string {
  // Keys, which a colon follows, stay.
  const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"(:?)|-?\d+(?:\.\d+)?|true|false|null/g)].filter((m) => !m[1]);
  if (values.length === 0) return text;
  const { 0: value, index } = draw.pick(values);
  return text.slice(0, index) + JSON.stringify(json(draw, 2)) + text.slice(index + value.length);
}

/** A header of tensors whose types, shapes and places lie. */
export function headerFile(draw: Draw): Uint8Array {
  let at = 0;
  const entries = draw.several(1, 6, (i): [string, unknown] => {
    const dtype = draw.weighted<unknown>([
      [6, "F32"],
      [2, "F16"],
      [2, draw.pick(DTYPES)],
    ]);
    const shape = draw.several(0, 4, () => draw.lie(draw.between(1, 4), 2 ** 31, 0.03));
    const size = shape.reduce((a, b) => a * b, 1) * (WIDTHS[String(dtype)] ?? 4);
    const begin = draw.chance(0.04) ? draw.below(at + 1) : draw.lie(at, 2 ** 32, 0.03);
    const end = draw.lie(begin + size, 2 ** 32, 0.03);
    at = Math.max(at, Math.min(end, 1 << 20));
    const offsets = draw.chance(0.03) ? json(draw, 2) : [begin, end];
    const entry: Record<string, unknown> = {
      dtype,
      shape: draw.chance(0.03) ? json(draw, 2) : shape,
      data_offsets: offsets,
    };
    if (draw.chance(0.02)) delete entry[draw.pick(Object.keys(entry))];
    return [
      draw.weighted([
        [10, `model.${i}.conv.weight`],
        [1, draw.text()],
        [0.5, draw.pick(["__metadata__", "__proto__", "a"])],
      ]),
      draw.chance(0.03) ? json(draw) : entry,
    ];
  });
  if (draw.chance(0.3))
    entries.push(["__metadata__", draw.chance(0.5) ? json(draw) : { modules: JSON.stringify(json(draw)) }]);
  const members = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  // The same key twice, which JSON allows.
  if (draw.chance(0.1)) members.push(members[0]);
  let header = `{${members.join(",")}}`;
  if (draw.chance(0.1)) header = header.slice(0, draw.below(header.length));
  header = header.padEnd(Math.ceil(header.length / 8) * 8);
  const utf8 = new TextEncoder().encode(header);
  return bytes(le(draw.lie(utf8.length, 2 ** 40, 0.05), 8), utf8, new Uint8Array(draw.lie(at, 1 << 20, 0.05)));
}

/** A random network with its module tree beside it, a value of which is another. */
export function treeFile(draw: Draw): Uint8Array {
  const { root } = randomNetwork(draw);
  let modules = moduleTreeToJson(root);
  for (let i = draw.between(0, 3); i > 0; i--) modules = disturbed(draw, modules);
  const names = draw.chance(0.3) ? [["names", JSON.stringify(json(draw))] as const] : [];
  return writeSafetensors(collectStateDict(root), new Map([["modules", modules], ...names]));
}

/** A state dict with a description of its model, as `--cfg` and the metadata have it. */
export function describedFile(draw: Draw): Uint8Array {
  const layer = (): unknown => [
    draw.weighted<unknown>([
      [20, -1],
      [1, [-1, 0]],
      [1, draw.below(4)],
      [0.5, json(draw, 1)],
    ]),
    draw.lie(draw.between(1, 3), 1e9, 0.05),
    draw.pick([
      "Conv",
      "Conv",
      "C3",
      "SPPF",
      "Bottleneck",
      "Focus",
      "Conv",
      "C3",
      draw.pick(["nn.Conv2d", "Detect", "Concat", draw.text()]),
    ]),
    draw.weighted<unknown>([
      [4, [8, 3, 2]],
      [12, [8]],
      [1, [1]],
      [1, json(draw, 2)],
    ]),
  ];
  const description: Record<string, unknown> = {
    nc: draw.lie(2, 1e9),
    depth_multiple: draw.weighted<unknown>([
      [20, 1],
      [5, 0.33],
      [1, draw.pick([0, -1, 1e300, "x"])],
    ]),
    width_multiple: draw.weighted<unknown>([
      [20, 1],
      [5, 0.25],
      [1, draw.pick([0, 1e300, null])],
    ]),
    anchors: draw.weighted<unknown>([
      [8, 3],
      [8, [[10, 13, 16, 30]]],
      [1, [[1]]],
      [1, json(draw, 2)],
    ]),
    backbone: draw.several(1, 5, layer),
    head: [...draw.several(0, 3, layer), [[draw.pick([-1, -1, -1, 0, 2])], 1, "Detect", ["nc", "anchors"]]],
  };
  if (draw.chance(0.1)) description[draw.pick(Object.keys(description))] = json(draw);
  return writeSafetensors(weightsOf(description), new Map([["yaml", JSON.stringify(description)]]));
}

/** Elements of all weights that are made. */
const MOST_ELEMENTS = 2 ** 20;

/** Random weights, as long as they are few. */
function smallSource(): TensorSource {
  const random = randomSource(1);
  let left = MOST_ELEMENTS;
  return {
    ...random,
    get(name, shape) {
      left -= elementCount(shape);
      if (!(left >= 0)) throw new WeightError("too many weights");
      return random.get(name, shape);
    },
  };
}

/** Those that the description asks for; one of no use where it gives no model. */
function weightsOf(description: unknown): ReadonlyMap<string, HostTensor> {
  try {
    return collectStateDict(synthesizeModule(parseModelConfig(description), smallSource(), { strides: [8] }));
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return new Map([["model.0.conv.weight", tensor("float32", [1], new Float32Array(1))]]);
  }
}
