/**
 * Small files that once hung, ended the process or took gigabytes: each is opened, and run where it opens, in a process
 * of its own, and gives a model or one sentence within 5 s of processor time and 1 GB.
 */

import { describe, expect, it } from "vitest";
import { call, conv, deep, dict, laughs, list, millionTuple, modelFile, shared } from "./hostileFiles.js";
import { hostileOpener } from "./hostileOpener.js";
import { bytes, checkpoint, int, le, moduleOps, tensorOps, text } from "./support.js";

const open = hostileOpener();
const many = (count: number, ops: string): string => list(new Array<string>(count).fill(ops));
const withTop = (ops: string, before = ""): Uint8Array => modelFile({ top: { x: ops }, before });
const million = millionTuple();
const bigText = `${text("a".repeat(1 << 20))}r${le(201)}0`;
const big = `j${le(201)}`;
const sppf = (pool: string): string =>
  moduleOps("models.common.SPPF", { cv1: conv([8, 8, 1, 1]), m: pool, cv2: conv([8, 32, 1, 1]) });
const nested = (depth: number, inner: string): string => (depth === 0 ? inner : sppf(nested(depth - 1, inner)));
const pool = moduleOps("torch.nn.MaxPool2d", {}, {}, { kernel_size: int(3), stride: int(1), padding: int(1) });
const halfViews = (count: number): string =>
  list(
    Array.from({ length: count }, () =>
      moduleOps(
        "torch.nn.Conv2d",
        {},
        { weight: tensorOps("0", 131072, 0, [256, 256, 1, 1], [256, 1, 1, 1], "HalfStorage") },
      ),
    ),
  );

it("the intact model that the cases are made from opens and runs", () => {
  expect(open(modelFile({}))).toMatchObject({ opened: true });
});

describe("a small file soon gives a model or one sentence, in little memory", () => {
  const legacy = (value: string): Uint8Array =>
    bytes("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "\x80\x02", value, ".");
  it.each<[string, () => Uint8Array]>([
    ["encode: its encoding is a DAG of tuples", () => withTop(call("_codecs", "encode", `(${text("x")}${laughs()}t`))],
    [
      "encode: its encoding is nested 200,000 deep",
      () => withTop(call("_codecs", "encode", `(${text("x")}${deep()}t`)),
    ],
    ["bytes of a DAG", () => withTop(call("builtins", "bytes", `${laughs()}\x85`))],
    ["bytearray with a DAG as encoding", () => withTop(call("builtins", "bytearray", `(${text("x")}${laughs()}t`))],
    [
      "a persistent ID's length is a DAG",
      () => withTop(`(${text("storage")}ctorch\nFloatStorage\n${text("0")}${text("cpu")}${laughs()}tQ`),
    ],
    [
      "a persistent ID's key is a DAG",
      () => withTop(`(${text("storage")}ctorch\nFloatStorage\n${laughs()}${text("cpu")}${int(1)}tQ`),
    ],
    ["a tensor's offset is a DAG", () => withTop(tensorOps("1", 2, 0, [2], [1]).replace(int(0), laughs()))],
    ["keys of a dictionary without a model are DAGs", () => checkpoint(`}(${laughs()}K\x01u.`)],
    ["the legacy protocol is a DAG", () => legacy(laughs())],
    ["the legacy protocol is nested deep", () => legacy(deep())],
    ["f is a DAG", () => modelFile({ layers: [moduleOps("torch.nn.ReLU", {}, {}, { f: laughs() })] })],
    [
      "a kernel is a DAG",
      () => modelFile({ layers: [moduleOps("torch.nn.MaxPool2d", {}, {}, { kernel_size: laughs() })] }),
    ],
    [
      "a border is a DAG",
      () =>
        modelFile({
          layers: [moduleOps("torch.nn.ZeroPad2d", {}, {}, { padding: list(new Array<string>(4).fill(laughs())) })],
        }),
    ],
    ["a padding mode is a DAG", () => modelFile({ layers: [conv([8, 8, 1, 1], { padding_mode: laughs() })] })],
    [
      "an upsampling mode is a DAG",
      () => modelFile({ layers: [moduleOps("torch.nn.Upsample", {}, {}, { mode: laughs() })] }),
    ],
    [
      "a number is a DAG",
      () => modelFile({ layers: [moduleOps("models.common.Contract", {}, {}, { gain: laughs() })] }),
    ],
    ["names are DAGs", () => modelFile({ model: { names: laughs() } })],
    ["a keypoint count is a DAG", () => modelFile({ head: { nkpt: laughs() } })],
    ["the date is a DAG", () => modelFile({ top: { date: laughs() } })],
    [
      "the date is 600 references to one long text",
      () => modelFile({ before: bigText, top: { date: many(600, big) } }),
    ],
    ["int8 facts are DAGs", () => modelFile({ top: { int8: dict({ images: laughs() }) } })],
    ["a device of 600 long texts", () => withTop(call("torch", "device", `(${big.repeat(600)}t`), bigText)],
    ["a path of many shared parts", () => withTop(many(5000, call("pathlib", "PosixPath", shared)), million)],
    [
      "lists of one dictionary's keys",
      () =>
        withTop(
          many(20_000, call("builtins", "list", `${shared}\x85`)),
          `}(${Array.from({ length: 50_000 }, (_, i) => `${int(i)}N`).join("")}ur${le(200)}0`,
        ),
    ],
    ["sets of one list", () => withTop(many(20_000, call("builtins", "frozenset", `${shared}\x85`)), million)],
    [
      "dictionaries of one dictionary",
      () =>
        withTop(
          many(20_000, call("collections", "OrderedDict", `${shared}\x85`)),
          `}(${Array.from({ length: 50_000 }, (_, i) => `${int(i)}N`).join("")}ur${le(200)}0`,
        ),
    ],
    ["objects that share their arguments", () => withTop(many(20_000, call("a", "B", shared)), million)],
    [
      "NEWOBJ_EX with shared arguments and a keyword",
      () => withTop(many(20_000, `ca\nB\n${shared}${dict({ k: "N" })}\x92`), million),
    ],
    [
      "__newobj__ of __newobj__",
      () =>
        withTop(
          many(20_000, call("copyreg", "__newobj__", shared)),
          `(${"ccopyreg\n__newobj__\n".repeat(500)}tr${le(200)}0`,
        ),
    ],
    [
      "tensors with a shared shape of 65,536 numbers",
      () =>
        withTop(
          many(
            5000,
            call(
              "torch._utils",
              "_rebuild_tensor_v2",
              `((${text("storage")}ctorch\nFloatStorage\n${text("1")}${text("cpu")}${int(2)}tQ${int(0)}${shared}${shared}t`,
            ),
          ),
          million,
        ),
    ],
    [
      "modules that share one state",
      () =>
        withTop(
          many(20_000, `ca\nB\n)\x81${shared}b`),
          `}(${text("_modules")}}${text("_parameters")}}${Array.from({ length: 10_000 }, (_, i) => `${text(`k${i}`)}N`).join("")}ur${le(200)}0`,
        ),
    ],
    [
      "numpy scalars of one long text",
      () =>
        withTop(
          many(20_000, call("numpy.core.multiarray", "scalar", `(${call("numpy", "dtype", `(${text("f8")}t`)}${big}t`)),
          bigText,
        ),
    ],
    [
      "numpy types with one long name",
      () =>
        withTop(
          many(20_000, call("numpy.core.multiarray", "scalar", `(${call("numpy", "dtype", `(${big}t`)}${text("x")}t`)),
          bigText,
        ),
    ],
    [
      "a call that is its own argument",
      () =>
        withTop(
          `](ctorch._tensor\n_rebuild_from_type_v2\nNer${le(200)}0ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN${shared}Nt${shared}${shared}eR`,
        ),
    ],
    ["SPPF in SPPF, 12 deep", () => modelFile({ layers: [nested(12, pool)] })],
    ["SPPF in SPPF, 25 deep", () => modelFile({ layers: [nested(25, pool)] })],
    [
      "one module 20,000 times in a row",
      () =>
        modelFile({
          before: `${moduleOps("torch.nn.ReLU")}r${le(200)}0`,
          layers: [
            moduleOps(
              "torch.nn.Sequential",
              Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [String(i), shared])),
            ),
          ],
        }),
    ],
    [
      "float16 views of one storage",
      () =>
        modelFile({
          layers: [
            moduleOps(
              "torch.nn.Sequential",
              Object.fromEntries(
                Array.from({ length: 600 }, (_, i) => [
                  String(i),
                  moduleOps(
                    "torch.nn.Conv2d",
                    {},
                    { weight: tensorOps("0", 131072, i, [256, 256, 1, 1], [256, 1, 1, 1], "HalfStorage") },
                  ),
                ]),
              ),
            ),
          ],
        }),
    ],
    [
      "modules nested in names of 200 kB",
      () => modelFile({ layers: [moduleOps("a.B", { ["n".repeat(200_000)]: pool })] }),
    ],
    ["a stride of 16384", () => modelFile({ head: { stride: list([int(16384)]) } })],
    ["a stride of 10^9", () => modelFile({ head: { stride: list([int(1e9)]) } })],
    ["mask coefficients below 0", () => modelFile({ head: { nm: int(-1_000_000) } })],
    [
      "a layer that reads 100,000 layers",
      () => modelFile({ layers: [moduleOps("models.common.Concat", {}, {}, { f: many(100_000, int(-1)) })] }),
    ],
    ["lists of half views beside the model", () => modelFile({ top: { x: halfViews(500) } })],
  ])(
    "%s",
    (_, make) => {
      open(make());
    },
    600_000,
  );
});

describe("long names", () => {
  it("are truncated when they are read", () => {
    const names = list([text("n".repeat(100_000))]);
    expect(open(modelFile({ model: { names } }))).toMatchObject({ opened: true, longestName: 257 });
  });

  it("in a note are shown by type, not by content", () => {
    const { notes } = open(modelFile({ before: bigText, top: { date: many(600, big) } }));
    expect(notes).toEqual({ date: "<list of 600>" });
  });
});
