/** Maps graph node names back to the tree's modules and tensors, and builds trees with other tensors. */

import { float32ArrayToHalf, type HostTensor, tensor, toFloat32 } from "../../tensor/index.js";
import { collectStateDict } from "../../weights/index.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";
import { unusedBranches } from "../../yolov5/graph/anchorFreeHead.js";
import { layersOf } from "../../yolov5/graph/buildGraph.js";

/** The module for a path in the graph (`model.2.cv1.conv`), whatever wraps the layers in the file. */
export function moduleOfPath(root: ModuleNode, path: string): ModuleNode | undefined {
  const [, index, ...names] = path.split(".");
  let module: ModuleNode | undefined = layersOf(root).layers[Number(index)];
  for (const name of names) module = module?.children.get(name);
  return module;
}

/** The tensor that a constant of the graph (`model.2.cv1.conv.weight`) was made from. */
export function tensorOfPath(root: ModuleNode, path: string): HostTensor | undefined {
  const dot = path.lastIndexOf(".");
  const module = moduleOfPath(root, path.slice(0, dot));
  const name = path.slice(dot + 1);
  return module?.parameters.get(name) ?? module?.buffers.get(name);
}

/** Whether a constant of the graph is the file's tensor: attention of newer networks has its rows in another order. */
export function isAsStored(used: HostTensor, stored: HostTensor): boolean {
  const file = toFloat32(stored).data;
  const own = toFloat32(used).data;
  return own.length === file.length && own.every((v, i) => v === file[i]);
}

/** Replacements for tensors, for attributes of modules, and for whole modules; everything else stays. */
export interface TreeChanges {
  readonly tensors?: ReadonlyMap<HostTensor, HostTensor> | undefined;
  readonly attributes?: ReadonlyMap<ModuleNode, ReadonlyMap<string, PlainValue>> | undefined;
  readonly modules?: ReadonlyMap<ModuleNode, ModuleNode> | undefined;
}

/** A copy of the tree. A module or tensor that occurs twice occurs twice in the copy. */
export function changeTree(root: ModuleNode, changes: TreeChanges): ModuleNode {
  const done = new Map<ModuleNode, ModuleNode>();
  const swap = (tensors: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> =>
    new Map([...tensors].map(([name, value]) => [name, changes.tensors?.get(value) ?? value]));
  const visit = (module: ModuleNode): ModuleNode => {
    const known = done.get(module) ?? changes.modules?.get(module);
    if (known) return known;
    const own = changes.attributes?.get(module) ?? new Map<string, PlainValue>();
    const copy: ModuleNode = {
      ...module,
      attributes: new Map([...module.attributes, ...own]),
      parameters: swap(module.parameters),
      buffers: swap(module.buffers),
      children: new Map([...module.children].map(([name, child]) => [name, visit(child)])),
    };
    done.set(module, copy);
    return copy;
  };
  return visit(root);
}

/** Drops YOLOv5's description (yaml), which has the layers and widths of the network before it was changed. */
export function withoutDescription(module: ModuleNode): ModuleNode {
  const strip = (node: ModuleNode): ModuleNode => ({
    ...node,
    attributes: new Map([...node.attributes].filter(([name]) => name !== "yaml" && name !== "yaml_file")),
  });
  const inner = module.children.get("model");
  if (!inner) return strip(module);
  return {
    ...strip(module),
    children: new Map([...module.children].map(([n, c]) => [n, n === "model" ? strip(c) : c])),
  };
}

/** The tree with float32 where it has float16. */
export function inFloat32(root: ModuleNode): ModuleNode {
  const wider = [...collectStateDict(root).values()]
    .filter(({ dtype }) => dtype === "float16")
    .map((stored) => [stored, toFloat32(stored)] as const);
  return changeTree(root, { tensors: new Map<HostTensor, HostTensor>(wider) });
}

/** A copy of the tree without the branches of its head that are not run. A module that occurs twice occurs twice in the copy. */
export function withoutUnusedBranches(root: ModuleNode): ModuleNode {
  const done = new Map<ModuleNode, ModuleNode>();
  const visit = (module: ModuleNode): ModuleNode => {
    const known = done.get(module);
    if (known) return known;
    const unused = new Set(unusedBranches(module));
    const children = [...module.children].filter(([name]) => !unused.has(name));
    const copy = { ...module, children: new Map(children.map(([name, child]) => [name, visit(child)])) };
    done.set(module, copy);
    return copy;
  };
  return visit(root);
}

/** The largest float16 value. */
const LARGEST_HALF = 65504;

/** Stores numbers as float16 if `like` is float16 and they fit, otherwise as float32. */
export function storedLike(like: HostTensor, shape: readonly number[], data: Float32Array): HostTensor {
  if (like.dtype !== "float16" || data.some((v) => !(Math.abs(v) <= LARGEST_HALF))) {
    return tensor("float32", shape, data);
  }
  return tensor("float16", shape, float32ArrayToHalf(data));
}
