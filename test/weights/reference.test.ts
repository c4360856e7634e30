/** The real checkpoints of the reference material, against what PyTorch says of them. */

import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { type HostTensor, toFloat32 } from "../../src/tensor/index.js";
import {
  asPlainObject,
  type Checkpoint,
  collectStateDict,
  countParameters,
  isTensor,
  type ModuleNode,
  moduleAt,
  openCheckpoint,
  readSafetensors,
  walkModules,
} from "../../src/weights/index.js";
import { refuseForeignModel } from "../../src/yolov5/checkpoint/refuse.js";
import { REFERENCE, referenceMissing } from "../support/reference.js";

interface Facts {
  readonly kind: string;
  readonly nc: number;
  readonly names: Readonly<Record<string, string>>;
  readonly parameters_fused: number;
  readonly stride?: readonly number[];
  readonly anchors?: readonly (readonly (readonly [number, number])[])[];
  readonly layers?: readonly { readonly i: number; readonly f: number | readonly number[]; readonly type: string }[];
}

function load(...parts: string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(REFERENCE, ...parts)));
}

/** Bit for bit; comparing typed arrays with toEqual is slow. */
function sameBytes(a: HostTensor["data"] | undefined, b: HostTensor["data"]): boolean {
  if (!a || a.byteLength !== b.byteLength) return false;
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));
}

function factsOf(name: string): Facts {
  return (JSON.parse(new TextDecoder().decode(load("reference", `${name}.json`))) as { model: Facts }).model;
}

function moduleOf(opened: Checkpoint): ModuleNode {
  if (!opened.module) throw new Error("no module");
  return opened.module;
}

/** PyTorch counts after folding: a Conv with a `bn` keeps one bias instead of the norm's two vectors. */
function fusedParameters(module: ModuleNode): number {
  let count = countParameters(module);
  walkModules(module, (node) => {
    const norm = node.children.get("bn");
    if (norm && node.children.has("conv")) count -= norm.parameters.get("weight")?.data.length ?? 0;
  });
  return count;
}

function checkFacts(opened: Checkpoint, facts: Facts): void {
  const module = moduleOf(opened);
  expect(fusedParameters(module)).toBe(facts.parameters_fused);
  const names = module.attributes.get("names");
  const list = names instanceof Map ? [...names.values()] : names;
  expect(list).toEqual(Object.values(facts.names));
  const sequence = moduleAt(module, "model");
  if (!facts.layers || !sequence) return;
  const layers = [...sequence.children.values()];
  const plain = (layer: ModuleNode, name: string): unknown => asPlainObject(layer.attributes.get(name) ?? null);
  expect(layers.map((layer) => ({ i: plain(layer, "i"), f: plain(layer, "f") }))).toEqual(
    facts.layers.map(({ i, f }) => ({ i, f })),
  );
  // Where a layer repeats, its module is a Sequential, and its attribute `type` names the class.
  const type = (layer: ModuleNode): string => String(layer.attributes.get("type") ?? layer.className);
  expect(layers.map((layer) => type(layer).replace(/^.*\./, ""))).toEqual(facts.layers.map(({ type }) => type));
  const head = layers[layers.length - 1];
  const stride = head.attributes.get("stride");
  const anchors = head.buffers.get("anchors");
  if (!isTensor(stride) || !anchors) throw new Error("the head has no stride or anchors");
  const strides = Array.from(toFloat32(stride).data);
  expect(strides).toEqual(facts.stride);
  // Stored in float16 and divided by the stride, so equal to within float16's precision.
  const perLevel = anchors.shape[1] * 2;
  const pixels = Array.from(toFloat32(anchors).data, (value, i) => value * strides[Math.floor(i / perLevel)]);
  const expected = facts.anchors?.flat(2) ?? [];
  expect(pixels).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs(pixels[i] - value)).toBeLessThanOrEqual(value * 1e-3);
}

const folder = (...parts: string[]): string[] =>
  existsSync(join(REFERENCE, ...parts))
    ? readdirSync(join(REFERENCE, ...parts)).filter((name) => name.endsWith(".pt"))
    : [];

describe.skipIf(referenceMissing("weights"))("real checkpoints", () => {
  it.each(folder("weights"))("%s", (file) => {
    const opened = openCheckpoint(load("weights", file), { path: file });
    checkFacts(opened, factsOf(file.replace(/\.pt$/, "")));
    expect(() => refuseForeignModel(opened, file)).not.toThrow();
  });

  it.each(folder("weights", "zoo"))("zoo/%s", (file) => {
    const opened = openCheckpoint(load("weights", "zoo", file), { path: file });
    checkFacts(opened, factsOf(`zoo-${file.replace(/\.pt$/, "")}`));
    expect(() => refuseForeignModel(opened, file)).not.toThrow();
  });

  it("opens yolov5n.pt without copies: its tensors are views of the file", () => {
    const bytes = load("weights", "yolov5n.pt");
    for (const [name, tensor] of collectStateDict(moduleOf(openCheckpoint(bytes)))) {
      expect(tensor.data.buffer === bytes.buffer, name).toBe(true);
    }
  });
});

describe.skipIf(referenceMissing("weights", "formats"))("one network, saved in many ways", () => {
  const reference = (): Map<string, HostTensor> =>
    collectStateDict(moduleOf(openCheckpoint(load("weights", "formats", "reference.pt"))));
  const float = (tensors: ReadonlyMap<string, HostTensor>): Map<string, Float32Array> =>
    new Map([...tensors].map(([name, tensor]) => [name, toFloat32(tensor).data]));

  it.each([
    "bare-module.pt",
    "ema-wins.pt",
    "executes-code.pt",
    "float32.pt",
    "legacy-non-zip.pt",
    "odd-names.pt",
    "state-dict.pt",
    "unstripped.pt",
    "windows-path.pt",
  ])("%s has exactly the tensors of reference.pt", (file) => {
    const opened = openCheckpoint(load("weights", "formats", file));
    const tensors = opened.stateDict ?? collectStateDict(moduleOf(opened));
    const expected = float(reference());
    const actual = float(tensors);
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    for (const [name, data] of expected) expect(sameBytes(actual.get(name), data), name).toBe(true);
  });

  it("ema-wins.pt's model differs from its ema", () => {
    expect(openCheckpoint(load("weights", "formats", "ema-wins.pt")).source).toBe("ema");
  });

  it("bfloat16.pt has the tensors of reference.pt rounded to bfloat16", () => {
    const tensors = collectStateDict(moduleOf(openCheckpoint(load("weights", "formats", "bfloat16.pt"))));
    const expected = float(reference());
    for (const [name, tensor] of tensors) {
      const data = toFloat32(tensor).data;
      const exact = expected.get(name);
      if (!exact) throw new Error(name);
      if (tensor.dtype !== "bfloat16") continue;
      const worst = data.reduce((sum, v, i) => Math.max(sum, Math.abs(v - exact[i]) - Math.abs(exact[i]) * 2 ** -8), 0);
      expect(worst, name).toBe(0);
    }
    expect(tensors.get("model.0.conv.weight")?.dtype).toBe("bfloat16");
  });

  it("already-fused.pt has biases and no norms", () => {
    const opened = openCheckpoint(load("weights", "formats", "already-fused.pt"));
    checkFacts(opened, factsOf("format-already-fused"));
    const names = [...collectStateDict(moduleOf(opened)).keys()];
    expect(names.some((name) => name.includes(".bn."))).toBe(false);
    expect(names).toContain("model.0.conv.bias");
  });

  it("odd-names.pt keeps its names, windows-path.pt its path, unstripped.pt its optimizer", () => {
    const odd = moduleOf(openCheckpoint(load("weights", "formats", "odd-names.pt")));
    const names = odd.attributes.get("names");
    expect(Array.isArray(names) && names.slice(0, 5)).toEqual([
      "__proto__",
      "constructor",
      "人",
      "café ☕",
      'it\'s "quoted"',
    ]);
    const windows = openCheckpoint(load("weights", "formats", "windows-path.pt"));
    expect(asPlainObject(windows.extra.get("opt") ?? null)).toMatchObject({ save_dir: "C:\\runs\\exp" });
    const unstripped = openCheckpoint(load("weights", "formats", "unstripped.pt"));
    expect(unstripped.extra.get("optimizer")).toBeInstanceOf(Map);
    expect(unstripped.extra.get("epoch")).toBe(3);
  });

  it("executes-code.pt executes nothing", () => {
    const trace = join(tmpdir(), "yolov5-pickle-was-executed");
    rmSync(trace, { force: true });
    const opened = openCheckpoint(load("weights", "formats", "executes-code.pt"));
    expect(opened.extra.get("callbacks")).toMatchObject({ kind: "opaque", className: "builtins.eval" });
    expect(existsSync(trace)).toBe(false);
  });
});

describe.skipIf(referenceMissing("weights", "refused"))("files that only look like YOLOv5", () => {
  it.each([
    ["face-fork.pt", /^face-fork\.pt: is a face fork of YOLOv5/],
    ["pose-fork.pt", /^pose-fork\.pt: is a pose fork of YOLOv5/],
    ["torchscript.pt", /^torchscript\.pt: is a TorchScript archive/],
  ])("%s", (file, expected) => {
    const read = (): void => refuseForeignModel(openCheckpoint(load("weights", "refused", file), { path: file }), file);
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(expected);
  });
});

describe.skipIf(referenceMissing("models"))("the embedded model", () => {
  it("is the same in both formats", () => {
    const zip = openCheckpoint(load("models", "codes.pt"));
    const safe = openCheckpoint(load("models", "codes.safetensors"));
    const counters = (name: string): boolean => !name.endsWith("num_batches_tracked");
    const names = [...(zip.stateDict?.keys() ?? [])].filter(counters);
    expect([...(safe.stateDict?.keys() ?? [])].sort()).toEqual(names.sort());
    for (const name of names) {
      const [a, b] = [safe.stateDict?.get(name), zip.stateDict?.get(name)];
      expect(a?.shape, name).toEqual(b?.shape);
      expect(a && b && sameBytes(a.data, b.data), name).toBe(true);
    }
    expect(safe.extra.get("stride")).toEqual([8, 16, 32]);
    expect(safe.extra.get("bn_eps")).toBe(0.001);
    expect(safe.extra.get("names")).toEqual(
      new Map([
        ["0", "qr_code"],
        ["1", "barcode"],
        ["2", "aruco"],
        ["3", "data_matrix"],
      ]),
    );
    expect(zip.extra.get("yaml")).toEqual(safe.extra.get("yaml"));
  });
});

describe.skipIf(referenceMissing("reference"))("reference tensors", () => {
  it("reads every safetensors file", () => {
    const files = readdirSync(join(REFERENCE, "reference")).filter((name) => name.endsWith(".safetensors"));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const { tensors } = readSafetensors(load("reference", file), { path: file });
      expect(tensors.get("input_rgb_u8")?.dtype, file).toBe("uint8");
    }
  });
});
