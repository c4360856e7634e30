/** Module trees for tests: by hand, and from checkpoints. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { elementCount, type HostTensor, tensor } from "../../src/tensor/index.js";
import type { ModuleNode, PlainValue } from "../../src/weights/types.js";
import type { TensorSource } from "../../src/yolov5/config/layerFactory.js";
import { parseModelConfig } from "../../src/yolov5/config/modelConfig.js";
import { randomSource } from "../../src/yolov5/config/sources.js";
import { synthesizeModule } from "../../src/yolov5/config/synthesize.js";
import { type OpenedModel, openModel } from "../../src/yolov5/loadModel.js";

export interface Parts {
  readonly parameters?: Readonly<Record<string, HostTensor>>;
  readonly buffers?: Readonly<Record<string, HostTensor>>;
  readonly children?: Readonly<Record<string, ModuleNode>>;
}

export function moduleOf(
  className: string,
  attributes: Readonly<Record<string, PlainValue>> = {},
  parts: Parts = {},
): ModuleNode {
  return {
    kind: "module",
    type: className.split(".").pop() ?? className,
    className,
    attributes: new Map(Object.entries(attributes)),
    parameters: new Map(Object.entries(parts.parameters ?? {})),
    buffers: new Map(Object.entries(parts.buffers ?? {})),
    children: new Map(Object.entries(parts.children ?? {})),
  };
}

/** A list of layers as a whole model. */
export function modelOf(
  layers: readonly ModuleNode[],
  attributes: Readonly<Record<string, PlainValue>> = {},
): ModuleNode {
  const children = Object.fromEntries(layers.map((layer, i) => [String(i), layer]));
  const sequence = moduleOf("torch.nn.modules.container.Sequential", {}, { children });
  return moduleOf("models.yolo.DetectionModel", attributes, { children: { model: sequence } });
}

/** A copy of a tree with the module at a path replaced by what `change` makes of it. */
export function replaced(root: ModuleNode, path: string, change: (module: ModuleNode) => ModuleNode): ModuleNode {
  if (path === "") return change(root);
  const [name, ...rest] = path.split(".");
  const child = root.children.get(name);
  if (!child) throw new Error(`${root.className} has no ${name}`);
  // Setting an existing key keeps its place.
  return { ...root, children: new Map(root.children).set(name, replaced(child, rest.join("."), change)) };
}

/** A copy of a module without some of its attributes. */
export function without(module: ModuleNode, ...names: readonly string[]): ModuleNode {
  const attributes = new Map(module.attributes);
  for (const name of names) attributes.delete(name);
  return { ...module, attributes };
}

/** A copy of a module with some attributes set. */
export function withAttributes(module: ModuleNode, values: Readonly<Record<string, PlainValue>>): ModuleNode {
  return { ...module, attributes: new Map([...module.attributes, ...Object.entries(values)]) };
}

/** Every module of a tree changed. */
export function mapModules(root: ModuleNode, change: (module: ModuleNode) => ModuleNode): ModuleNode {
  const children = new Map([...root.children].map(([name, child]) => [name, mapModules(child, change)]));
  return change({ ...root, children });
}

/** Two levels at strides 8 and 16, a C3, an SPPF and a shortcut, 2 classes. */
export function smallModel(nc = 2): ModuleNode {
  const config = parseModelConfig({
    nc,
    anchors: [
      [10, 13, 16, 30],
      [30, 61, 62, 45],
    ],
    backbone: [
      [-1, 1, "Conv", [8, 6, 2, 2]],
      [-1, 1, "Conv", [8, 3, 2]],
      [-1, 1, "Conv", [16, 3, 2]],
      [-1, 1, "C3", [16]],
      [-1, 1, "Conv", [16, 3, 2]],
      [-1, 1, "SPPF", [16, 5]],
    ],
    head: [
      [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
      [[-1, 3], 1, "Concat", [1]],
      [-1, 1, "Bottleneck", [16]],
      [[8, 5], 1, "Detect", ["nc", "anchors"]],
    ],
  });
  return synthesizeModule(config, randomSource(1), { strides: [8, 16] });
}

/** Zeros of every shape that is asked for: as many tensors as the largest model has, at no cost. */
export const zeroSource: TensorSource = {
  has: (name) => name.includes(".bn."),
  get: (_, shape) => tensor("float32", shape, new Float32Array(elementCount(shape))),
  count: () => undefined,
};

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/pytorch/${name}`, import.meta.url));
}

export function openFile(path: string): OpenedModel {
  return openModel(new Uint8Array(readFileSync(path)), { path });
}

/** Those of the paths that there are. */
export function existing(paths: readonly (string | undefined)[]): string[] {
  return paths.filter((path): path is string => path !== undefined && existsSync(path));
}
