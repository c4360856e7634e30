import { describe, expect, it } from "vitest";
import { toFloat32 } from "../../src/tensor/index.js";
import {
  asPlainObject,
  type Checkpoint,
  collectStateDict,
  countParameters,
  moduleAt,
  openCheckpoint,
} from "../../src/weights/index.js";
import { bytes, checkpoint, fixture, int, le, moduleOps, tensorOps, text } from "./support.js";

const facts = JSON.parse(new TextDecoder().decode(fixture("facts.json"))) as {
  weight: number[];
  tensors: Record<string, (number | string)[]>;
  shapes: Record<string, number[]>;
};

function weightOf(opened: Checkpoint): number[] {
  const tensor = opened.module && collectStateDict(opened.module).get("conv.weight");
  if (!tensor) throw new Error("conv.weight is missing");
  return Array.from(toFloat32(tensor).data);
}

const FLOATS = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);

describe("which model counts", () => {
  it.each([
    ["ema-wins.pt", "ema", "pytorch-zip"],
    ["ema-none.pt", "model", "pytorch-zip"],
    ["data-parallel.pt", "model", "pytorch-zip"],
    ["protocol-5.pt", "model", "pytorch-zip"],
    ["legacy.pt", "model", "pytorch-legacy"],
  ])("%s: %s", (name, source, format) => {
    const opened = openCheckpoint(fixture(name));
    expect(opened).toMatchObject({ source, format });
    expect(opened.stateDict).toBeUndefined();
    expect(opened.module).toMatchObject({ type: "Sequential", className: "torch.nn.modules.container.Sequential" });
    expect(weightOf(opened)).toEqual(facts.weight);
  });

  it("keeps all other entries of the top level", () => {
    const opened = openCheckpoint(fixture("ema-wins.pt"));
    expect(Object.fromEntries(opened.extra)).toEqual({ epoch: 3, updates: 7, optimizer: null });
    expect(openCheckpoint(fixture("ema-none.pt")).extra.get("date")).toBe("2024-01-01");
  });

  it("takes the module of (module, updates), the ema of early 2021", () => {
    const net = moduleOps("models.yolo.Model", {}, {}, { mark: int(1) });
    const plain = moduleOps("models.yolo.Model", {}, {}, { mark: int(2) });
    const opened = openCheckpoint(checkpoint(`}(${text("ema")}${net}${int(99)}\x86${text("model")}${plain}u.`));
    expect(opened.source).toBe("ema");
    expect(opened.module?.attributes.get("mark")).toBe(1);
    const without = openCheckpoint(checkpoint(`}(${text("ema")}N${int(0)}\x86${text("model")}${plain}u.`));
    expect(without.module?.attributes.get("mark")).toBe(2);
  });

  it("reads a bare module, its buffers and attributes", () => {
    const { module, source, extra } = openCheckpoint(fixture("bare.pt"));
    expect(source).toBe("bare");
    expect(extra.size).toBe(0);
    expect(module?.type).toBe("BatchNorm2d");
    expect([...(module?.parameters.keys() ?? [])]).toEqual(["weight", "bias"]);
    expect([...(module?.buffers.keys() ?? [])]).toEqual(["running_mean", "running_var", "num_batches_tracked"]);
    expect(Object.fromEntries(module?.attributes ?? [])).toEqual({
      training: true,
      num_features: 2,
      eps: 1e-3,
      momentum: 0.1,
      affine: true,
      track_running_stats: true,
    });
  });

  it("strips module. from state dicts", () => {
    const opened = openCheckpoint(fixture("prefixed-state-dict.pt"));
    expect([...(opened.stateDict?.keys() ?? [])]).toEqual([
      "weight",
      "bias",
      "running_mean",
      "running_var",
      "num_batches_tracked",
    ]);
    expect(opened.source).toBe("bare");
  });

  it("finds a state dict under model_state_dict", () => {
    const opened = openCheckpoint(fixture("model-state-dict.pt"));
    expect([...(opened.stateDict?.keys() ?? [])]).toEqual(["conv.weight"]);
    expect(opened.extra.get("yaml")).toEqual(new Map([["nc", 2]]));
    expect(opened.extra.get("names")).toEqual(["a", "b"]);
  });

  it("unwraps nested DistributedDataParallel and torch.compile", () => {
    const net = moduleOps("models.yolo.Model", {}, {}, { mark: int(1) });
    const compiled = moduleOps("torch._dynamo.eval_frame.OptimizedModule", { _orig_mod: net });
    const wrapped = moduleOps("torch.nn.parallel.distributed.DistributedDataParallel", { module: compiled });
    expect(openCheckpoint(checkpoint(`}(${text("model")}${wrapped}u.`)).module?.className).toBe("models.yolo.Model");
  });

  it("keeps shared modules shared, counting their parameters once and naming them twice", () => {
    const { module } = openCheckpoint(fixture("ema-none.pt"));
    expect(module && moduleAt(module, "act")).toBe(module && moduleAt(module, "again"));
    expect(module && moduleAt(module, "act")?.attributes.get("negative_slope")).toBe(0.1015625);
    const shared = `${moduleOps("a.B", {}, { weight: tensorOps("0", 6, 0, [6], [1]) })}q\x05`;
    const opened = openCheckpoint(checkpoint(`${moduleOps("a.C", { x: shared, y: "h\x05" })}.`, { 0: FLOATS }));
    const root = opened.module;
    if (!root) throw new Error("no module");
    expect(countParameters(root)).toBe(6);
    expect([...collectStateDict(root).keys()]).toEqual(["x.weight", "y.weight"]);
  });

  it("keeps names that would break JavaScript objects", () => {
    const { module } = openCheckpoint(fixture("ema-none.pt"));
    const names = module?.attributes.get("names");
    expect(names).toEqual(
      new Map([
        [0, "__proto__"],
        [1, "人"],
      ]),
    );
    const keyed = new Map([
      ["__proto__", 1],
      ["constructor", 2],
    ]);
    expect(JSON.stringify(asPlainObject(keyed))).toBe('{"__proto__":1,"constructor":2}');
  });

  it("keeps a child of an unusual class as a module without tensors", () => {
    const opened = openCheckpoint(checkpoint(`${moduleOps("a.C", { odd: "cfoo\nBar\n)\x81", none: "N" })}.`));
    expect([...(opened.module?.children ?? [])].map(([name, child]) => [name, child.className])).toEqual([
      ["odd", "foo.Bar"],
    ]);
  });

  it.each([
    ["a number", "K\x05.", /holds a number instead of a model/],
    ["None", "N.", /holds a None/],
    ["a list", "]K\x01a.", /holds a list of 1 values/],
    ["an unknown object", "cfoo\nBar\n)R.", /holds a foo\.Bar/],
    ["a dictionary of other things", `}(${text("epoch")}K\x01${text("loss")}K\x02u.`, /its keys: epoch, loss/],
    ["an empty dictionary", "}.", /its keys: none/],
    ["an ema that is no module", `}(${text("ema")}cutils\nModelEMA\n)Ru.`, /a utils\.ModelEMA under 'ema'/],
  ])("refuses %s", (_, pickle, message) => {
    expect(() => openCheckpoint(checkpoint(pickle), { path: "x.pt" })).toThrow(message);
    expect(() => openCheckpoint(checkpoint(pickle), { path: "x.pt" })).toThrow(/^x\.pt: /);
  });
});

describe("tensors", () => {
  it.each(["tensors.pt", "tensors-legacy.pt", "tensors-deflated.pt", "tensors-zip64.pt", "tensors-big-endian.pt"])(
    "%s: every type, stride and offset",
    (name) => {
      const { stateDict } = openCheckpoint(fixture(name));
      expect([...(stateDict?.keys() ?? [])]).toEqual(Object.keys(facts.tensors));
      for (const [key, tensor] of stateDict ?? []) {
        expect(tensor.shape, key).toEqual(facts.shapes[key]);
        const values = tensor.dtype === "int64" ? Array.from(tensor.data, String) : Array.from(toFloat32(tensor).data);
        const expected = facts.tensors[key].map((v) => (typeof v === "number" ? Math.fround(v) : v));
        expect(values, key).toEqual(expected);
      }
      const dtypes = ["float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"];
      for (const dtype of dtypes) expect(stateDict?.get(dtype)?.dtype).toBe(dtype);
    },
  );

  it("are views of the file if they are contiguous and aligned", () => {
    const file = fixture("tensors.pt");
    const { stateDict } = openCheckpoint(file);
    for (const name of ["base", "tail", "float64", "int64", "bool"]) {
      expect(stateDict?.get(name)?.data.buffer, name).toBe(file.buffer);
    }
    expect(stateDict?.get("transposed")?.data.buffer).not.toBe(file.buffer);
  });

  it("share one copy of an unaligned storage", () => {
    const aligned = fixture("tensors.pt");
    const shifted = new Uint8Array(aligned.length + 1).subarray(1);
    shifted.set(aligned);
    const { stateDict } = openCheckpoint(shifted);
    expect(stateDict?.get("base")?.data.buffer).not.toBe(shifted.buffer);
    expect(stateDict?.get("tail")?.data.buffer).toBe(stateDict?.get("base")?.data.buffer);
    expect(stateDict?.get("tail")?.data[0]).toBe(12);
  });

  const state = (ops: string): Uint8Array => checkpoint(`}${text("w")}${ops}s.`, { 0: FLOATS });
  it.each([
    ["a size beyond the storage", tensorOps("0", 6, 0, [7], [1]), /needs 7 elements, its storage has 6/],
    ["an offset beyond the storage", tensorOps("0", 6, 6, [1], [1]), /needs 7 elements/],
    ["a stride beyond the storage", tensorOps("0", 6, 0, [2, 2], [5, 1]), /needs 7 elements/],
    ["a declared length beyond the file", tensorOps("0", 7, 0, [7], [1]), /storage 0 has 24 bytes instead of 28/],
    ["another type than the bytes hold", tensorOps("0", 6, 0, [6], [1], "DoubleStorage"), /instead of 48/],
    ["a storage that is not there", tensorOps("9", 6, 0, [6], [1]), /storage data\/9 is missing/],
    ["2^40 elements of one", tensorOps("0", 6, 0, [2 ** 20, 2 ** 20], [0, 0]), /more memory than a file of its size/],
    ["2^60 elements of one", tensorOps("0", 6, 0, [2 ** 30, 2 ** 30], [0, 0]), /too large/],
    ["a negative size", tensorOps("0", 6, 0, [-1], [1]), /size, stride or offset of -1/],
    ["a negative stride", tensorOps("0", 6, 5, [6], [-1]), /size, stride or offset of -1/],
    ["two sizes and one stride", tensorOps("0", 6, 0, [2, 3], [1]), /2 sizes and 1 strides/],
    ["a storage key that climbs", tensorOps("../data.pkl", 1, 0, [1], [1]), /is missing/],
  ])("are refused for %s", (_, ops, message) => {
    expect(() => openCheckpoint(state(ops))).toThrow(message);
  });

  it("are read from _rebuild_tensor_v3 with an untyped storage", () => {
    const ops =
      `ctorch._utils\n_rebuild_tensor_v3\n((${text("storage")}ctorch.storage\nUntypedStorage\n${text("0")}${text("cpu")}${int(24)}tQ` +
      `${int(2)}(${int(2)}t(${int(1)}t\x89ccollections\nOrderedDict\n)Rctorch\nint32\n}tR`;
    expect(openCheckpoint(state(ops)).stateDict?.get("w")).toEqual({
      dtype: "int32",
      shape: [2],
      data: Int32Array.of(0x40400000, 0x40800000),
    });
  });

  it("are read from parameters with state, and from subclasses", () => {
    const tensor = tensorOps("0", 6, 0, [2], [1]);
    const parameter = `ctorch._utils\n_rebuild_parameter_with_state\n(${tensor}\x88ccollections\nOrderedDict\n)R}tR`;
    expect(openCheckpoint(state(parameter)).stateDict?.get("w")?.shape).toEqual([2]);
    const [rebuild, args] = [tensor.slice(0, 33), tensor.slice(33, -1)];
    const subclass = `ctorch._tensor\n_rebuild_from_type_v2\n(${rebuild}cmy\nTensor\n${args}}tR`;
    expect(openCheckpoint(state(subclass)).stateDict?.get("w")?.shape).toEqual([2]);
  });

  it("of unused types stay records", () => {
    const ops = tensorOps("0", 3, 0, [3], [1], "ComplexFloatStorage");
    const opened = openCheckpoint(
      checkpoint(`${moduleOps("a.B", {}, { weight: ops, bias: tensorOps("1", 6, 0, [6], [1]) })}.`, {
        0: FLOATS,
        1: FLOATS,
      }),
    );
    expect([...(opened.module?.parameters.keys() ?? [])]).toEqual(["bias"]);
    expect(opened.module?.attributes.get("weight")).toMatchObject({ kind: "opaque", className: "torch.Tensor" });
  });
});

describe("module trees that would take forever to walk", () => {
  it("refuses a module that contains itself", () => {
    const pickle = `ca\nB\n)\x81q\x07}(${text("_parameters")}}${text("_buffers")}}${text("_modules")}}${text("x")}h\x07sub.`;
    expect(() => openCheckpoint(checkpoint(pickle))).toThrow(/module a\.B contains itself/);
  });

  it("refuses a tree that doubles at every level", () => {
    let ops = `${moduleOps("a.B")}q\x00`;
    for (let i = 1; i < 50; i++) {
      ops = `${moduleOps("a.B", { x: ops, y: `h${String.fromCharCode(i - 1)}` })}q${String.fromCharCode(i)}`;
    }
    expect(() => openCheckpoint(checkpoint(`${ops}.`))).toThrow(/has more than \d+ modules and tensors/);
  });

  it("refuses ten thousand levels", () => {
    let ops = moduleOps("a.B");
    const [head, tail] = moduleOps("a.B", { x: "\x00" }).split("\x00\x00\x00x\x00");
    ops = `${`${head}\x00\x00\x00x`.repeat(10_000)}${ops}${tail.repeat(10_000)}`;
    expect(() => openCheckpoint(checkpoint(`${ops}.`))).toThrow(/nested more than 64 deep/);
  });

  it("refuses to print cyclic values", () => {
    const list: unknown[] = [];
    list.push(list);
    expect(() => asPlainObject(list as never)).toThrow(/in a cycle/);
  });
});

describe("legacy files", () => {
  const header = (rest: string): Uint8Array =>
    bytes("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", `\x80\x02M\xe9\x03.`, "\x80\x02}.", rest);
  const storage = (length: number): string => le(length, 8) + String.fromCharCode(...FLOATS);
  const old = (view: string): string =>
    `}${text("w")}ctorch._utils\n_rebuild_tensor\n((${text("storage")}ctorch\nFloatStorage\n${text("7")}${text("cpu")}${int(6)}${view}tQ${int(1)}(${int(2)}t(${int(1)}ttRs.`;

  it("may contain views of storages", () => {
    const file = header(`${old(`(${text("8")}${int(2)}${int(4)}t`)}](${text("7")}e.${storage(6)}`);
    expect(openCheckpoint(file).stateDict?.get("w")?.data).toEqual(Float32Array.of(4, 5));
  });

  it.each([
    [
      "a view beyond its storage",
      `${old(`(${text("8")}${int(4)}${int(4)}t`)}](${text("7")}e.${storage(6)}`,
      /a view beyond/,
    ],
    ["a cut storage", `${old("N")}](${text("7")}e.${storage(6).slice(0, -5)}`, /storage 7 of 6 elements ends at byte/],
    ["a storage of 2^60 elements", `${old("N")}](${text("7")}e.${le(2n ** 60n, 8)}`, /ends at byte/],
    [
      "a storage shorter than declared",
      `${old("N")}](${text("7")}e.${storage(2)}`,
      /storage 7 has 8 bytes instead of 24/,
    ],
    ["no storages", `${old("N")}].`, /storage 7 is missing/],
    ["a storage nobody uses", `}.](${text("7")}e.${storage(6)}`, /belongs to no tensor/],
    ["a cut pickle", old("N").slice(0, 30), /does not end/],
  ])("are refused for %s", (_, rest, message) => {
    expect(() => openCheckpoint(header(rest))).toThrow(message);
  });
});
