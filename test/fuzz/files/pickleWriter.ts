/** Pickle programs with structure: shared and nested values, calls, tensors over lied-about storages, memo tricks. */

import { int, le, tensorOps, text } from "../../weights/support.js";
import { deep, laughs } from "../../weights/hostileFiles.js";
import type { Draw } from "../draw.js";

/** Names that the reader knows, and some that it does not. */
const CALLEES: readonly (readonly [string, string])[] = [
  ...["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter"].map(
    (name) => ["torch._utils", name] as const,
  ),
  ["torch._tensor", "_rebuild_from_type_v2"],
  ["torch.nn.parameter", "Parameter"],
  ["torch", "Size"],
  ["torch", "device"],
  ["torch", "float16"],
  ...["OrderedDict", "defaultdict", "Counter", "deque"].map((name) => ["collections", name] as const),
  ...["dict", "set", "frozenset", "list", "tuple", "bytes", "bytearray", "getattr", "eval"].map(
    (name) => ["builtins", name] as const,
  ),
  ["_codecs", "encode"],
  ["copyreg", "_reconstructor"],
  ["copyreg", "__newobj__"],
  ["copyreg", "__newobj_ex__"],
  ["copy_reg", "_reconstructor"],
  ["numpy.core.multiarray", "scalar"],
  ["numpy.core.multiarray", "_reconstruct"],
  ["numpy._core.numeric", "_frombuffer"],
  ["numpy", "ndarray"],
  ["numpy", "dtype"],
  ["pathlib", "PosixPath"],
  ["pathlib", "WindowsPath"],
  ["models.yolo", "Detect"],
  ["os", "system"],
  ["a", "B"],
];
const STORAGES = ["FloatStorage", "HalfStorage", "BFloat16Storage", "DoubleStorage", "LongStorage", "ByteStorage"];

/** A float64, big-endian. */
function binFloat(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return `G${String.fromCharCode(...new Uint8Array(view.buffer))}`;
}

/** Text of any characters as BINUNICODE. */
function unicode(value: string): string {
  const utf8 = new TextEncoder().encode(value);
  return `X${le(utf8.length)}${Array.from(utf8, (byte) => String.fromCharCode(byte)).join("")}`;
}

export class PickleWriter {
  /** Numbers of what stands in the memo. */
  private memo = 0;
  /** What containers may still hold, so that programs end. */
  private left: number;

  constructor(
    private readonly draw: Draw,
    size = draw.pick([10, 40, 200]),
  ) {
    this.left = size;
  }

  /** Opcodes that leave one value, now and then with a reference to it in the memo. */
  value(depth = 4): string {
    const ops = this.left-- <= 0 || depth === 0 ? this.scalar() : this.container(depth - 1);
    return this.draw.chance(0.3) ? ops + this.remember() : ops;
  }

  /** PUT of the top of the stack. */
  private remember(): string {
    const number = this.draw.lie(this.memo++, 2 ** 32 - 1, 0.03);
    return this.draw.pick([
      `r${le(number)}`,
      number < 256 ? `q${String.fromCharCode(number)}` : `r${le(number)}`,
      "\x94",
    ]);
  }

  private recall(): string {
    const number = this.draw.lie(this.draw.below(Math.max(1, this.memo)), 2 ** 32 - 1, 0.03);
    return this.memo === 0 ? "N" : `j${le(number)}`;
  }

  scalar(): string {
    const { draw } = this;
    return draw.weighted<() => string>([
      [2, () => "N"],
      [2, () => draw.pick(["\x88", "\x89"])],
      [4, () => int(draw.pick([draw.below(100), draw.odd() | 0, -draw.below(9)]))],
      [
        1,
        () => `\x8a${String.fromCharCode(draw.pick([0, 1, 8, 9, 255]))}${"\x7f".repeat(draw.pick([0, 1, 8, 9, 255]))}`,
      ],
      [2, () => binFloat(draw.pick([0, -0, 0.5, 1e308, 1e-308, Number.NaN, Number.POSITIVE_INFINITY, -1]))],
      [4, () => unicode(draw.text())],
      [
        1,
        () =>
          `C\x04${draw
            .text()
            .slice(0, 4)
            .padEnd(4, "x")
            .replace(/[^\x20-\x7e]/g, "?")}`,
      ],
      [1, () => `I${draw.odd()}\n`],
      [6, () => this.recall()],
    ])();
  }

  private items(depth: number, most = 6): string {
    return this.draw.several(0, most, () => this.value(depth)).join("");
  }

  private container(depth: number): string {
    const { draw } = this;
    const value = (): string => this.value(depth);
    const [module, name] = draw.pick(CALLEES);
    return draw.weighted<() => string>([
      [4, () => `(${this.items(depth)}t`],
      [3, () => `](${this.items(depth)}e`],
      [3, () => `}(${draw.several(0, 5, () => value() + value()).join("")}u`],
      [1, () => `(${this.items(depth)}\x91`],
      [1, () => laughs(draw.between(2, 40), value())],
      [0.3, () => deep(draw.pick([100, 5000, 100_000]))],
      [1, () => `${value()}2\x86`],
      // Lists and dictionaries that hold themselves.
      [1, () => `]r${le(this.memo)}(j${le(this.memo++)}${this.items(depth)}e`],
      [1, () => `}r${le(this.memo)}(${value()}j${le(this.memo++)}u`],
      [5, () => `c${module}\n${name}\n(${this.items(depth)}tR`],
      [1, () => `c${module}\n${name}\n(${this.items(depth)}t\x81`],
      [1, () => `c${module}\n${name}\n(${this.items(depth)}t}(${unicode(draw.text())}${value()}u\x92`],
      [1, () => `(i${module}\n${name}\n`],
      [1, () => `(c${module}\n${name}\n${this.items(depth)}o`],
      [1, () => `ca\n${draw.text().replace(/\n/g, "")}\n)\x81${value()}b`],
      [1, () => `${unicode(module)}${unicode(draw.text())}\x93`],
      [1, () => `${value()}${value()}0`],
      [4, () => this.tensor()],
      [1, () => `(${unicode("storage")}ctorch\nFloatStorage\n${value()}${value()}${value()}tQ`],
      [1, () => value().repeat(draw.pick([1, 1, 1, 2]))],
    ])();
  }

  /** A view of storage 0 that mostly lies within it. */
  tensor(shape = this.draw.several(0, 4, () => this.draw.between(1, 4))): string {
    const { draw } = this;
    const sizes = shape.map((size) => draw.lie(size, 2 ** 31 - 1));
    let step = 1;
    const strides = [...shape].reverse().map((size) => {
      const stride = draw.lie(step, 2 ** 31 - 1);
      step *= size;
      return draw.chance(0.05) ? 0 : stride;
    });
    return tensorOps(
      draw.pick(["0", "0", "0", "1", "9"]),
      draw.lie(65536, 2 ** 31 - 1, 0.05),
      draw.lie(draw.below(4), 2 ** 31 - 1, 0.05),
      sizes,
      strides.reverse(),
      draw.pick(STORAGES),
    );
  }

  /** Opcodes with stray ones among them, in one program of many. */
  disturbed(ops: string): string {
    const { draw } = this;
    if (!draw.chance(0.2)) return ops;
    const at = draw.below(ops.length);
    const stray = draw.pick(["(", "0", "1", "2", "t", "R", "b", "u", "e", "\x81", "\x94", ".", "\x00", "Q", text("x")]);
    return ops.slice(0, at) + stray + ops.slice(at + draw.pick([0, 1]));
  }
}
