/** Small models that are sound, and what a hostile file puts into them. Everything is opcodes as latin-1 text. */

import { bytes, checkpoint, int, le, moduleOps, tensorOps, text } from "./support.js";

/** A dictionary's opcodes from those of its items. */
export const dict = (items: Readonly<Record<string, string>>): string =>
  `}(${Object.entries(items)
    .map(([key, ops]) => text(key) + ops)
    .join("")}u`;

export const list = (items: readonly string[]): string => `](${items.join("")}e`;

/** Tuples of two references to the tuple before, `depth` times: 2^depth leaves when printed. */
export function laughs(depth = 30, leaf = text("ha")): string {
  let ops = leaf;
  for (let i = 0; i < depth; i++) ops += "2\x86";
  return ops;
}

/** A tuple within a tuple, `depth` deep. */
export const deep = (depth = 200_000): string => `)${"\x85".repeat(depth)}`;

/** A shared tuple of 2^20 numbers, left in memo 200. */
export function millionTuple(): string {
  return `(${"K\x01".repeat(1 << 16)}tr${le(200)}0`;
}

const zeros = 65536;

/** A convolution whose weight is zeros of storage 0. */
export function conv(
  size: readonly [number, number, number, number],
  attributes: Readonly<Record<string, string>> = {},
  type = "torch.nn.modules.conv.Conv2d",
): string {
  const strides = size.map((_, axis) => size.slice(axis + 1).reduce((a, b) => a * b, 1));
  return moduleOps(type, {}, { weight: tensorOps("0", zeros, 0, size, strides) }, attributes);
}

interface Parts {
  /** Modules between the stem and the head. */
  readonly layers?: readonly string[];
  readonly head?: Readonly<Record<string, string>>;
  readonly model?: Readonly<Record<string, string>>;
  /** Beside the model. */
  readonly top?: Readonly<Record<string, string>>;
  /** Before everything, for the memo. */
  readonly before?: string;
  readonly channels?: number;
  /** The head's one convolution. */
  readonly map?: string;
}

/** A YOLOv5 checkpoint of one convolution, `layers`, and a head of one level and one class. */
export function modelFile({
  layers = [],
  head = {},
  model = {},
  top = {},
  before = "",
  channels = 8,
  map = conv([6, channels, 1, 1]),
}: Parts): Uint8Array {
  const stem = conv([8, 3, 8, 8], { stride: int(8), padding: int(0) });
  const detect = moduleOps(
    "models.yolo.Detect",
    { m: moduleOps("torch.nn.modules.container.ModuleList", { 0: map }) },
    {},
    { anchors: tensorOps("1", 2, 0, [1, 1, 2], [2, 2, 1]), stride: list([int(8)]), ...head },
  );
  const all = Object.fromEntries([stem, ...layers, detect].map((ops, i) => [String(i), ops]));
  const sequence = moduleOps("torch.nn.modules.container.Sequential", all);
  const root = moduleOps("models.yolo.Model", { model: sequence }, {}, model);
  return checkpoint(bytes(before, dict({ ...top, model: root }), "."), {
    0: new Uint8Array(4 * zeros),
    1: new Uint8Array(new Float32Array([1, 1]).buffer),
  });
}

/** `name(*args)` as GLOBAL and REDUCE. */
export const call = (module: string, name: string, args: string): string => `c${module}\n${name}\n${args}R`;

/** Reference to what `millionTuple` left. */
export const shared = `j${le(200)}`;
