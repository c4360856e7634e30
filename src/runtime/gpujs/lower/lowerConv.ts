/** conv2d: a padding kernel where the window needs one, then the convolution with its epilogue. */

import type { NodeOf } from "../../../ops/index.js";
import { toFloat32 } from "../../../tensor/index.js";
import { blocksOf, extentOf, packBlockWeights, packLaneWeights, packVector } from "../device/layout.js";
import { type ConvProblem, convSource, hasWholeBlocks } from "../kernels/conv.js";
import { padSource } from "../kernels/window.js";
import type { Lowering, Step } from "./lowering.js";

/** Undefined if the weights are not constants. */
export function lowerConv(node: NodeOf<"conv2d">, lowering: Lowering): Step | undefined {
  const { graph, kernels } = lowering;
  const { stride, padding, dilation, groups, activation, hasBias, hasResidual } = node.attrs;
  const [x, weightId, biasId] = node.inputs;
  const weight = graph.constants.get(weightId);
  const bias = hasBias ? graph.constants.get(biasId) : undefined;
  if (!weight || (hasBias && !bias)) return undefined;
  const { dialect } = kernels.device;
  const [n, c, h, w] = graph.values[x].shape;
  const [o, perGroup, kh, kw] = weight.shape;
  const output = node.outputs[0];
  const [, , oh, ow] = graph.values[output].shape;
  const problem: ConvProblem = {
    dialect,
    images: n,
    inputs: c,
    outputs: o,
    groups,
    kernel: [kh, kw],
    stride,
    dilation,
    activation,
    hasResidual,
  };
  const whole = hasWholeBlocks(problem);
  const depth = kh * kw;
  const packed = lowering.constant({
    key: whole ? "blocks" : "lanes",
    sources: [weight],
    extent: whole ? [depth * 4, blocksOf(perGroup), blocksOf(o)] : [depth, perGroup, blocksOf(o)],
    pack: () => (whole ? packBlockWeights : packLaneWeights)(toFloat32(weight).data, weight.shape),
  });
  const biases = lowering.constant({
    key: "vector",
    sources: bias ? [bias] : [],
    extent: [blocksOf(o), 1, 1],
    pack: () => packVector(bias ? toFloat32(bias).data : new Float32Array(o)),
  });
  // As large as the last window reaches, which may also crop rows that no window reads.
  const ph = (oh - 1) * stride[0] + dilation[0] * (kh - 1) + 1;
  const pw = (ow - 1) * stride[1] + dilation[1] * (kw - 1) + 1;
  const fits = padding[0] === 0 && padding[1] === 0;
  const padded = [pw, ph, n * blocksOf(c)] as const;
  if (!fits) kernels.device.check(padded, `${node.name}, padded`);
  const pad = padSource(dialect, [h, w], padding, 0);
  const source = convSource(problem);
  const extent = extentOf(graph.values[output].shape);
  return {
    kernel: `gpu.js conv2d ${kh}x${kw}${whole ? "" : " by lanes"}`,
    run(values) {
      const input = fits ? values.device(x) : kernels.run(pad, padded, [values.device(x)]);
      const residual = hasResidual ? [values.device(node.inputs[node.inputs.length - 1])] : [];
      values.setDevice(output, kernels.run(source, extent, [input, packed, biases, ...residual]));
      if (!fits) kernels.device.release(input);
    },
  };
}
