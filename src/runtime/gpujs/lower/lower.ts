/** Which kernels a node runs as. Ops and shapes without a kernel run as their reference on the host. */

import { type Node, type NodeOf, type OpType, opOf } from "../../../ops/index.js";
import type { DeviceTensor } from "../device/device.js";
import { blocksOf, extentOf, packVector } from "../device/layout.js";
import { concatSource, depthToSpaceSource, sliceSource, spaceToDepthSource } from "../kernels/channels.js";
import { activationSource, addSource, affineSource, scaleSource } from "../kernels/pointwise.js";
import { maxSource, meanSource, padSource, upsampleSource } from "../kernels/window.js";
import { lowerAttention } from "./lowerAttention.js";
import { lowerConv } from "./lowerConv.js";
import { lowerDetect } from "./lowerDetect.js";
import { lowerDetectAnchorFree } from "./lowerDetectAnchorFree.js";
import type { Lowering, Step } from "./lowering.js";

/** maxPool2d's padding value: below any real value, but finite in float32. */
const LOWEST = -3.4e38;

function reference(node: Node): Step {
  return {
    kernel: "reference (host)",
    run(values) {
      const results = opOf(node).reference(
        node.inputs.map((id) => values.host(id)),
        node.attrs,
      );
      node.outputs.forEach((id, i) => {
        values.setHost(id, results[i]);
      });
    },
  };
}

/** A step of one kernel over all inputs. */
function simple(node: Node, { graph, kernels }: Lowering, source: string): Step {
  const [output] = node.outputs;
  const extent = extentOf(graph.values[output].shape);
  return {
    kernel: `gpu.js ${node.type}`,
    run(values) {
      const args = node.inputs.map((id) => values.device(id));
      values.setDevice(output, kernels.run(source, extent, args));
    },
  };
}

function lowerPool(node: NodeOf<"maxPool2d">, { graph, kernels }: Lowering): Step {
  const { dialect } = kernels.device;
  const { kernel, stride, padding, dilation } = node.attrs;
  const [n, c, h, w] = graph.values[node.inputs[0]].shape;
  const [, , oh, ow] = graph.values[node.outputs[0]].shape;
  const ph = (oh - 1) * stride[0] + dilation[0] * (kernel[0] - 1) + 1;
  const pw = (ow - 1) * stride[1] + dilation[1] * (kernel[1] - 1) + 1;
  const depth = n * blocksOf(c);
  const along = (axis: 0 | 1) => ({ kernel: kernel[axis], stride: stride[axis], dilation: dilation[axis] });
  return {
    kernel: `gpu.js maxPool2d ${kernel[0]}x${kernel[1]}`,
    run(values) {
      const source = padSource(dialect, [h, w], padding, LOWEST);
      const padded = kernels.run(source, [pw, ph, depth], [values.device(node.inputs[0])]);
      const rows = kernels.run(maxSource(dialect, "x", along(1)), [ow, ph, depth], [padded]);
      values.setDevice(node.outputs[0], kernels.run(maxSource(dialect, "y", along(0)), [ow, oh, depth], [rows]));
      kernels.device.release(padded);
      kernels.device.release(rows);
    },
  };
}

function lowerBatchNorm(node: NodeOf<"batchNorm">, lowering: Lowering): Step | undefined {
  const { graph, kernels } = lowering;
  const [x, ...vectors] = node.inputs;
  const [n, c] = graph.values[x].shape;
  const [gamma, beta, mean, variance] = vectors.map((id) => graph.constants.get(id)?.data);
  if (!gamma || !beta || !mean || !variance) return undefined;
  const factor = (i: number): number => Number(gamma[i]) / Math.sqrt(Number(variance[i]) + node.attrs.eps);
  const vector = (name: string, value: (channel: number) => number): DeviceTensor =>
    lowering.constant({
      key: `batchNorm ${name} ${node.attrs.eps}`,
      sources: [gamma, beta, mean, variance],
      extent: [blocksOf(c), 1, 1],
      pack: () => packVector(Float32Array.from({ length: c }, (_, i) => value(i))),
    });
  const g = vector("factor", factor);
  const h = vector("shift", (i) => Number(beta[i]) - Number(mean[i]) * Math.fround(factor(i)));
  const source = affineSource(kernels.device.dialect, n, blocksOf(c));
  const output = node.outputs[0];
  return {
    kernel: "gpu.js batchNorm",
    run(values) {
      values.setDevice(output, kernels.run(source, extentOf(graph.values[output].shape), [values.device(x), g, h]));
    },
  };
}

/** Ops that have kernels; the others are `convTranspose2d`, `flatten`, `layerNorm`, `softmax`. */
function lowerNchw(node: Node, lowering: Lowering): Step | undefined {
  const { graph } = lowering;
  const { dialect } = lowering.kernels.device;
  const [n, c, h, w] = graph.values[node.inputs[0]].shape;
  switch (node.type) {
    case "conv2d":
      return lowerConv(node, lowering);
    case "detect":
      return lowerDetect(node, lowering);
    case "detectAnchorFree":
      return lowerDetectAnchorFree(node, lowering);
    case "attention":
      return lowerAttention(node, lowering);
    case "maxPool2d":
      return lowerPool(node, lowering);
    case "batchNorm":
      return lowerBatchNorm(node, lowering);
    case "activation":
      return simple(node, lowering, activationSource(dialect, node.attrs.activation));
    case "scale":
      return simple(node, lowering, scaleSource(dialect, node.attrs.factor));
    case "add":
      return node.inputs.length <= MOST_ARGUMENTS
        ? simple(node, lowering, addSource(dialect, node.inputs.length))
        : undefined;
    case "concat": {
      if (node.attrs.axis !== 1 || node.inputs.length > MOST_ARGUMENTS) return undefined;
      const channels = node.inputs.map((id) => graph.values[id].shape[1]);
      return simple(node, lowering, concatSource(dialect, n, channels));
    }
    case "upsampleNearest":
      return simple(node, lowering, upsampleSource(dialect, node.attrs.scale));
    case "pad2d": {
      const [left, , top] = node.attrs.padding;
      return simple(node, lowering, padSource(dialect, [h, w], [top, left], node.attrs.value));
    }
    case "globalAveragePool":
      return simple(node, lowering, meanSource(dialect, [h, w]));
    case "sliceChannels":
      return simple(node, lowering, sliceSource(dialect, n, c, node.attrs.start, node.attrs.end));
    case "spaceToDepth":
      return simple(node, lowering, spaceToDepthSource(dialect, n, c, node.attrs.block, node.attrs.order));
    case "depthToSpace":
      return simple(node, lowering, depthToSpaceSource(dialect, n, c, node.attrs.block));
    default:
      return undefined;
  }
}

/** Textures guaranteed to a fragment shader, minus the target. */
const MOST_ARGUMENTS = 15;

/** Ops whose operands past the first are weights, of any rank. */
const WEIGHTED: ReadonlySet<OpType> = new Set<OpType>(["conv2d", "batchNorm"]);

export function lower(node: Node, lowering: Lowering): Step {
  const { graph, kernels } = lowering;
  const data = WEIGHTED.has(node.type) ? node.inputs.slice(0, 1) : node.inputs;
  if (!data.every((id) => graph.values[id].shape.length === 4)) return reference(node);
  const step = lowerNchw(node, lowering);
  if (!step) return reference(node);
  for (const id of [...data, ...node.outputs]) {
    const { shape, name } = graph.values[id];
    if (shape.length === 4) kernels.device.check(extentOf(shape), name);
  }
  return step;
}
