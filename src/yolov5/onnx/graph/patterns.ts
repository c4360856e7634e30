/** Activations that exporters write as several operators. */

import { floatAttribute, stringAttribute } from "../../../onnx/evaluate/index.js";
import type { Activation } from "../../../ops/index.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { FoldedGraph } from "./foldedGraph.js";

/** Operators that only change the number type. */
const TRANSPARENT = new Set(["Cast", "Identity", "Dropout"]);

/** The value behind casts. */
export function behindCasts(graph: FoldedGraph, name: string): string {
  let current = name;
  for (let maker = graph.maker(current); maker && TRANSPARENT.has(maker.operator) && maker.domain === ""; ) {
    current = maker.inputs[0];
    maker = graph.maker(current);
  }
  return current;
}

/** The node of one operator that produces a value. */
export function makerOf(graph: FoldedGraph, name: string, operator: string): OnnxNode | undefined {
  const maker = graph.maker(behindCasts(graph, name));
  return maker?.operator === operator && maker.domain === "" ? maker : undefined;
}

/** A constant of one number. */
export function scalarOf(graph: FoldedGraph, name: string): number | undefined {
  if (name === "" || !graph.isConstant(name)) return undefined;
  const value = graph.constant(name);
  return value?.data.length === 1 ? value.data[0] : undefined;
}

/** The operand of a commutative node whose other operand is a constant close to `wanted`. */
function besideScalar(graph: FoldedGraph, node: OnnxNode | undefined, wanted: number): string | undefined {
  if (!node) return undefined;
  const [a, b] = node.inputs;
  const near = (name: string): boolean =>
    Math.abs((scalarOf(graph, name) ?? Number.NaN) - wanted) <= 1e-3 * Math.abs(wanted);
  return near(b) ? a : near(a) ? b : undefined;
}

const same = (graph: FoldedGraph, a: string | undefined, b: string): boolean =>
  a !== undefined && behindCasts(graph, a) === behindCasts(graph, b);

/** Bounds of a Clip, as attributes or inputs. */
function clipBounds(graph: FoldedGraph, node: OnnxNode): [number | undefined, number | undefined] {
  const bound = (index: number, attribute: string): number | undefined =>
    node.inputs[index]
      ? scalarOf(graph, node.inputs[index])
      : node.attributes.has(attribute)
        ? floatAttribute(node, attribute, 0)
        : undefined;
  return [bound(1, "min"), bound(2, "max")];
}

/** x of clip(x + 3, 0, 6). */
function shiftedClip(graph: FoldedGraph, name: string): string | undefined {
  const clip = makerOf(graph, name, "Clip");
  if (!clip) return undefined;
  const [low, high] = clipBounds(graph, clip);
  return low === 0 && high === 6 ? besideScalar(graph, makerOf(graph, clip.inputs[0], "Add"), 3) : undefined;
}

/** x of clip(x + 3, 0, 6) ÷ 6, or HardSigmoid with PyTorch's slope. */
function hardsigmoidInput(graph: FoldedGraph, name: string): string | undefined {
  const node = makerOf(graph, name, "HardSigmoid");
  if (node) {
    const slope = floatAttribute(node, "alpha", 0.2);
    return Math.abs(slope - 1 / 6) < 1e-4 && floatAttribute(node, "beta", 0.5) === 0.5 ? node.inputs[0] : undefined;
  }
  const divided = makerOf(graph, name, "Div");
  const clipped =
    divided && scalarOf(graph, divided.inputs[1]) === 6
      ? divided.inputs[0]
      : besideScalar(graph, makerOf(graph, name, "Mul"), 1 / 6);
  return clipped === undefined ? undefined : shiftedClip(graph, clipped);
}

/** x of 1 + erf(x ÷ √2). */
function erfInput(graph: FoldedGraph, name: string): string | undefined {
  const shifted = besideScalar(graph, makerOf(graph, name, "Add"), 1);
  const erf = shifted === undefined ? undefined : makerOf(graph, shifted, "Erf");
  if (!erf) return undefined;
  const divided = makerOf(graph, erf.inputs[0], "Div");
  if (divided && Math.abs((scalarOf(graph, divided.inputs[1]) ?? 0) - Math.SQRT2) < 1e-3) return divided.inputs[0];
  return besideScalar(graph, makerOf(graph, erf.inputs[0], "Mul"), Math.SQRT1_2);
}

/** An activation and its input. */
export interface Activated {
  readonly activation: Activation;
  readonly input: string;
}

/** Products: x·σ(x), x·tanh(softplus(x)), x·hardsigmoid(x), ½·x·(1 + erf(x ÷ √2)). */
function productActivation(graph: FoldedGraph, node: OnnxNode): Activated | undefined {
  const [a, b] = node.inputs;
  for (const [x, factor] of [
    [a, b],
    [b, a],
  ]) {
    const sigmoid = makerOf(graph, factor, "Sigmoid");
    if (sigmoid && same(graph, sigmoid.inputs[0], x)) return { activation: { kind: "silu" }, input: x };
    const tanh = makerOf(graph, factor, "Tanh");
    const softplus = tanh && makerOf(graph, tanh.inputs[0], "Softplus");
    if (softplus && same(graph, softplus.inputs[0], x)) return { activation: { kind: "mish" }, input: x };
    if (same(graph, hardsigmoidInput(graph, factor), x)) return { activation: { kind: "hardswish" }, input: x };
    // The factor ½ may come before, between or after the other two.
    const halved = besideScalar(graph, makerOf(graph, x, "Mul"), 0.5);
    if (halved !== undefined && same(graph, erfInput(graph, factor), halved)) {
      return { activation: { kind: "gelu" }, input: halved };
    }
    const halfOfFactor = besideScalar(graph, makerOf(graph, factor, "Mul"), 0.5);
    if (halfOfFactor !== undefined && same(graph, erfInput(graph, halfOfFactor), x)) {
      return { activation: { kind: "gelu" }, input: x };
    }
  }
  const half = makerOf(graph, besideScalar(graph, node, 0.5) ?? "", "Mul");
  if (half) {
    const [p, q] = half.inputs;
    if (same(graph, erfInput(graph, q), p)) return { activation: { kind: "gelu" }, input: p };
    if (same(graph, erfInput(graph, p), q)) return { activation: { kind: "gelu" }, input: q };
  }
  const sixth = makerOf(graph, besideScalar(graph, node, 1 / 6) ?? "", "Mul");
  return sixth && clippedProduct(graph, sixth);
}

/** x·clip(x + 3, 0, 6), of which a sixth is hardswish. */
function clippedProduct(graph: FoldedGraph, node: OnnxNode): Activated | undefined {
  const [a, b] = node.inputs;
  if (same(graph, shiftedClip(graph, b), a)) return { activation: { kind: "hardswish" }, input: a };
  if (same(graph, shiftedClip(graph, a), b)) return { activation: { kind: "hardswish" }, input: b };
  return undefined;
}

/** Operators that are an activation by themselves. */
function singleActivation(graph: FoldedGraph, node: OnnxNode): Activation | undefined {
  switch (node.operator) {
    case "Sigmoid":
      return { kind: "sigmoid" };
    case "Relu":
      return { kind: "relu" };
    case "LeakyRelu":
      return { kind: "leakyRelu", slope: floatAttribute(node, "alpha", 0.01) };
    case "HardSwish":
      return { kind: "hardswish" };
    case "HardSigmoid":
      return hardsigmoidInput(graph, node.outputs[0]) === undefined ? undefined : { kind: "hardsigmoid" };
    case "Mish":
      return { kind: "mish" };
    case "Gelu":
      return stringAttribute(node, "approximate", "none") === "none" ? { kind: "gelu" } : undefined;
    case "Tanh":
      return { kind: "tanh" };
    case "Elu":
      return { kind: "elu", alpha: floatAttribute(node, "alpha", 1) };
    case "Softplus":
      return { kind: "softplus" };
    case "Clip": {
      const [low, high] = clipBounds(graph, node);
      return low === 0 && high === 6 ? { kind: "relu6" } : undefined;
    }
    default:
      return undefined;
  }
}

/** The activation that ends at this node; undefined if there is none. */
export function activationAt(graph: FoldedGraph, node: OnnxNode): Activated | undefined {
  const single = singleActivation(graph, node);
  if (single) return { activation: single, input: node.inputs[0] };
  if (node.operator === "Mul") return productActivation(graph, node);
  if (node.operator !== "Div" || scalarOf(graph, node.inputs[1]) !== 6) return undefined;
  const product = makerOf(graph, node.inputs[0], "Mul");
  const swish = product && clippedProduct(graph, product);
  if (swish) return swish;
  const input = shiftedClip(graph, node.inputs[0]);
  return input === undefined ? undefined : { activation: { kind: "hardsigmoid" }, input };
}
