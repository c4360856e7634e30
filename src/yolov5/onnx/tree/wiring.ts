/** Steps → layers: a convolution with its activation is one, and so is everything that PyTorch's names put into one layer. */

import type { ModuleNode } from "../../../weights/types.js";
import { isActivation, moduleOf } from "../layers/modules.js";
import type { Step } from "../layers/translation.js";

/** A module and its inputs: earlier ones of the same list, or -1 for the picture. */
export interface Wire {
  readonly module: ModuleNode;
  readonly from: readonly number[];
  /** Number of the layer that PyTorch's name for it tells: `/model.4/cv1/conv/Conv` is of layer 4. */
  readonly layer: number | undefined;
}

const layerOf = (node: string): number | undefined => {
  const digits = /(?:^|[/.])model\.(\d{1,4})(?=[/._]|$)/.exec(node)?.[1];
  return digits === undefined ? undefined : Number(digits);
};

/** Removes steps that do not lead to an output, and renumbers the others. */
function used(steps: readonly Step[], outputs: readonly number[]): { readonly steps: Step[]; readonly ids: number[] } {
  const needed = new Set(outputs);
  for (let id = steps.length - 1; id >= 0; id--)
    if (needed.has(id)) for (const source of steps[id].from) needed.add(source);
  const numbers = new Map([[-1, -1]]);
  const kept: Step[] = [];
  for (const [id, step] of steps.entries()) {
    if (!needed.has(id)) continue;
    numbers.set(id, kept.length);
    kept.push({ ...step, from: step.from.map((source) => numbers.get(source) ?? -1) });
  }
  return { steps: kept, ids: outputs.map((id) => numbers.get(id) ?? -1) };
}

/**
 * The steps that the outputs need, each convolution with the normalisation and activation behind it as one `Conv`.
 * @returns the wires, and the positions of the outputs among them.
 */
export function wiresOf(all: readonly Step[], outputs: readonly number[]): { wires: Wire[]; ids: number[] } {
  const { steps, ids } = used(all, outputs);
  const readers = steps.map(() => 0);
  for (const { from } of steps) for (const source of from) if (source >= 0) readers[source]++;
  for (const id of ids) if (id >= 0) readers[id]++;
  const wires: Wire[] = [];
  /** The position of each step's output among the wires. */
  const place: number[] = [];
  const of = (source: number): number => (source < 0 ? source : place[source]);
  for (const step of steps) {
    const [source] = step.from;
    const before = source >= 0 && readers[source] === 1 ? wires[place[source]] : undefined;
    const joined = step.from.length === 1 && before ? withNext(before.module, step.module) : undefined;
    if (joined && before) wires[place[source]] = { ...before, module: joined };
    else wires.push({ module: step.module, from: step.from.map(of), layer: layerOf(step.node) });
    place.push(joined ? place[source] : wires.length - 1);
  }
  return { wires, ids: ids.map(of) };
}

/** Conv2d → BatchNorm2d → activation as one `Conv`. */
function withNext(module: ModuleNode, next: ModuleNode): ModuleNode | undefined {
  const conv = module.type === "Conv2d" ? module : module.type === "Conv" ? module.children.get("conv") : undefined;
  if (!conv) return undefined;
  const has = (name: string): boolean => module.type === "Conv" && module.children.has(name);
  const name =
    next.type === "BatchNorm2d" && !has("bn") && !has("act")
      ? "bn"
      : isActivation(next) && !has("act")
        ? "act"
        : undefined;
  if (name === undefined) return undefined;
  const children = module.type === "Conv" ? [...module.children] : [["conv", conv] as const];
  return moduleOf("yolov5_ts.Conv", { children: [...children, [name, next] as const] });
}

/** A module with its place in the network: `f` as YOLOv5 has it, with numbers of layers. */
export function placed(module: ModuleNode, from: readonly number[]): ModuleNode {
  return { ...module, attributes: new Map([...module.attributes, ["f", from.length === 1 ? from[0] : from]]) };
}

/**
 * Layers according to PyTorch's names, each a `Wired` of its parts if it has several.
 * @param outputs wires that the head reads.
 * @returns undefined if names are missing, or a layer produces more than one value: every wire then is a layer.
 */
export function layersByName(
  wires: readonly Wire[],
  outputs: readonly number[],
): { layers: { module: ModuleNode; from: number[] }[]; ids: number[] } | undefined {
  const runs: number[][] = [];
  let current = -1;
  for (const [id, { layer }] of wires.entries()) {
    // Nodes that simplifiers made have no name of a layer: they belong to the one before.
    const own: number = layer ?? Math.max(current, 0);
    if (own < current || own > current + 1) return undefined;
    if (own > current) runs.push([]);
    current = own;
    runs[runs.length - 1].push(id);
  }
  const run = wires.map(() => 0);
  for (const [layer, ids] of runs.entries()) for (const id of ids) run[id] = layer;
  const last = runs.map((ids) => ids[ids.length - 1]);
  const crosses = (source: number, layer: number): boolean => source >= 0 && run[source] !== layer;
  const fits =
    wires.every(({ from }, id) => from.every((source) => !crosses(source, run[id]) || last[run[source]] === source)) &&
    outputs.every((id) => id < 0 || last[run[id]] === id);
  if (!fits) return undefined;
  const layers = runs.map((ids, layer) => {
    const sources: number[] = [];
    const external = (source: number): number => {
      const number = source < 0 ? -1 : run[source];
      if (!sources.includes(number)) sources.push(number);
      return -1 - sources.indexOf(number);
    };
    const parts = ids.map((id) => {
      const { module, from } = wires[id];
      const own = from.map((source) => (crosses(source, layer) || source < 0 ? external(source) : ids.indexOf(source)));
      return { ...module, attributes: new Map([...module.attributes, ["f", own] as const]) };
    });
    const [first] = ids;
    if (ids.length === 1) {
      return { module: wires[first].module, from: wires[first].from.map((source) => (source < 0 ? -1 : run[source])) };
    }
    const children = parts.map((module, i) => [String(i), module] as const);
    return { module: moduleOf("yolov5_ts.Wired", { children }), from: sources };
  });
  return { layers, ids: outputs.map((id) => (id < 0 ? id : run[id])) };
}
