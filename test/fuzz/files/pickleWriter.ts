/** Pickle programs with structure: shared and nested values, calls, tensors over lied-about storages, memo tricks. */

import { deep, laughs } from "../../weights/hostileFiles.js";
import { int, le, tensorOps, text } from "../../weights/support.js";
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

/** Numbers of the memo of one program. */
class MemoNumbers {
  next = 0;
}

/** Elements of storage 0, as float32 unless a tensor says something else. */
export const STORED = 65_536;

export class PickleWriter {
  /** Numbers under which this writer's values stand in the memo. */
  readonly memo: number[] = [];
  /** What containers may still hold, so that programs end. */
  private left: number;

  /**
   * @param numbers shared by the writers of one program
   * @param known what stands in the memo before this writer's values do
   */
  constructor(
    private readonly draw: Draw,
    private readonly numbers: MemoNumbers = new MemoNumbers(),
    private readonly known: readonly number[] = [],
  ) {
    this.left = draw.pick([10, 40, 200]);
  }

  /** One for a part of the same program that may come before or after this one's, of which it knows what this one knew. */
  part(known: readonly number[] = this.known): PickleWriter {
    return new PickleWriter(this.draw, this.numbers, known);
  }

  /** Opcodes that leave one value, now and then with a reference to it in the memo. */
  value(depth = 4): string {
    const ops = this.left-- <= 0 || depth === 0 ? this.scalar() : this.container(depth - 1);
    return this.draw.chance(0.3) ? ops + this.remember() : ops;
  }

  /** PUT of the top of the stack. */
  private remember(): string {
    const number = this.draw.lie(this.numbers.next++, 2 ** 32 - 1, 0.01);
    this.memo.push(number);
    return number < 256 && this.draw.chance(0.5) ? `q${String.fromCharCode(number)}` : `r${le(number)}`;
  }

  private recall(): string {
    const known = [...this.known, ...this.memo];
    return known.length === 0 ? "N" : `j${le(this.draw.lie(this.draw.pick(known), 2 ** 32 - 1, 0.01))}`;
  }

  scalar(): string {
    const { draw } = this;
    return draw.weighted<() => string>([
      [2, () => "N"],
      [2, () => draw.pick(["\x88", "\x89"])],
      [4, () => int(draw.pick([draw.below(100), draw.odd() | 0, -draw.below(9)]))],
      [1, () => this.long(draw.pick([0, 1, 8, 9, 255]))],
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

  /** LONG1 of so many bytes. */
  private long(width: number): string {
    return `\x8a${String.fromCharCode(width)}${"\x7f".repeat(width)}`;
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
      [1, () => `]r${le(this.numbers.next)}(j${le(this.numbers.next++)}${this.items(depth)}e`],
      [1, () => `}r${le(this.numbers.next)}(Nj${le(this.numbers.next++)}u`],
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
    const sizes = shape.map((size) => draw.lie(size, 2 ** 31 - 1, 0.02));
    let step = 1;
    const strides = [...shape].reverse().map((size) => {
      const stride = draw.lie(step, 2 ** 31 - 1, 0.03);
      step *= size;
      return draw.chance(0.05) ? 0 : stride;
    });
    return tensorOps(
      draw.weighted([
        [40, "0"],
        [1, "9"],
      ]),
      draw.lie(STORED, 2 ** 31 - 1, 0.02),
      draw.lie(draw.below(4), 2 ** 31 - 1, 0.03),
      sizes,
      strides.reverse(),
      draw.weighted([
        [20, "FloatStorage"],
        [1, draw.pick(STORAGES)],
      ]),
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
