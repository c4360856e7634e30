/** A module tree as what is trained: its graph up to the maps of the head, which weights change, and how they go back into the tree. */

import { backward, type TrainingGraph, withFakeQuantizedInputs } from "../../ops/gradients/index.js";
import { consumersOf, foldBatchNorm, type Graph, type NodeOf, type ValueId } from "../../ops/index.js";
import { elementCount, type HostTensor, toFloat32 } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { type HeadMaps, headMaps, type InputShape } from "../headMaps.js";
import { changeTree, isAsStored, storedLike, tensorOfPath } from "../prune/moduleTensors.js";

type Convolution = NodeOf<"conv2d"> | NodeOf<"convTranspose2d">;

/** BatchNorm as a factor and a shift of each channel. */
interface Affine {
  readonly gain: Float32Array;
  /** Of what is normalised. */
  readonly mean: Float32Array;
  readonly biasName: string;
}

export interface Student extends HeadMaps {
  readonly training: TrainingGraph;
  /** The tree with new weights of the convolutions, folded, by the names of the graph's constants. */
  readonly withWeights: (weights: ReadonlyMap<string, Float32Array>) => ModuleNode;
}

/** Below this, a channel's BatchNorm hides whatever the convolution gives. */
const LEAST_GAIN = 1e-4;

/** What a student is to give and to round. */
export interface StudentOptions {
  readonly neck?: boolean;
  /** Steps to which inputs of convolutions are rounded, by their names. */
  readonly rounded?: Parameters<typeof withFakeQuantizedInputs>[1] | undefined;
}

/** Trains all convolutions that stand in the file as they are used; everything else stays. */
export function studentOf(module: ModuleNode, shape: InputShape, asked: StudentOptions = {}): Student {
  const { rounded = new Map() } = asked;
  const maps = headMaps(module, shape, asked);
  const folded = foldBatchNorm(maps.graph);
  const trained = new Set<ValueId>();
  for (const node of folded.nodes) {
    if (!isConvolution(node)) continue;
    const stored = tensorOfPath(module, `${node.name}.weight`);
    const asBuilt = [...maps.graph.nodes].find(({ name }) => name === node.name);
    const weight = asBuilt && maps.graph.constants.get(asBuilt.inputs[1]);
    if (stored && weight && isAsStored(weight, stored)) for (const id of node.inputs.slice(1)) trained.add(id);
  }
  const training = backward(withFakeQuantizedInputs(folded, rounded), trained);
  return { ...maps, training, withWeights: (weights) => putBack(module, maps.graph, weights) };
}

function isConvolution(node: { readonly type: string }): node is Convolution {
  return node.type === "conv2d" || node.type === "convTranspose2d";
}

function putBack(module: ModuleNode, graph: Graph, weights: ReadonlyMap<string, Float32Array>): ModuleNode {
  const changed = new Map<HostTensor, HostTensor>();
  const consumers = consumersOf(graph);
  const set = (name: string, data: Float32Array): void => {
    const old = tensorOfPath(module, name);
    if (old && elementCount(old.shape) === data.length) changed.set(old, storedLike(old, old.shape, data));
  };
  for (const node of graph.nodes) {
    if (!isConvolution(node)) continue;
    const weight = weights.get(`${node.name}.weight`) ?? weights.get(graph.values[node.inputs[1]].name);
    if (!weight) continue;
    const bias = weights.get(`${node.name}.bias`);
    const readers = consumers.get(node.outputs[0]) ?? [];
    const norm = readers.length === 1 ? graph.nodes[readers[0]] : undefined;
    const affine = norm?.type === "batchNorm" ? affineOf(graph, norm) : undefined;
    if (!affine) {
      set(graph.values[node.inputs[1]].name, weight);
      if (bias && node.attrs.hasBias) set(graph.values[node.inputs[2]].name, bias);
      continue;
    }
    const own = toFloat32(graph.constants.get(node.inputs[1]) as HostTensor);
    set(graph.values[node.inputs[1]].name, unfolded(weight, own, affine.gain, node));
    const ownBias = node.attrs.hasBias ? toFloat32(graph.constants.get(node.inputs[2]) as HostTensor).data : undefined;
    if (bias) {
      set(
        affine.biasName,
        bias.map((b, c) => b + (affine.mean[c] - (ownBias?.[c] ?? 0)) * affine.gain[c]),
      );
    }
  }
  return changeTree(module, { tensors: changed });
}

function affineOf(graph: Graph, { inputs, attrs }: NodeOf<"batchNorm">): Affine {
  const [gamma, , mean, variance] = inputs.slice(1).map((id) => toFloat32(graph.constants.get(id) as HostTensor).data);
  return {
    gain: gamma.map((g, c) => g / Math.sqrt(variance[c] + attrs.eps)),
    mean,
    biasName: graph.values[inputs[2]].name,
  };
}

/** Folded weights divided by the gain of their output channel. */
function unfolded(
  folded: Float32Array,
  own: HostTensor<"float32">,
  gain: Float32Array,
  { type, attrs }: Convolution,
): Float32Array {
  const [first, second, kh, kw] = own.shape;
  const area = kh * kw;
  return folded.map((value, i) => {
    const row = Math.floor(i / (second * area));
    const inGroup = first / attrs.groups;
    const output = type === "conv2d" ? row : Math.floor(row / inGroup) * second + (Math.floor(i / area) % second);
    return Math.abs(gain[output]) < LEAST_GAIN ? own.data[i] : value / gain[output];
  });
}
