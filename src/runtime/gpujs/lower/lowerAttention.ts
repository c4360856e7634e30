/** attention: three kernels, for heads of whole blocks of four channels. */

import type { NodeOf } from "../../../ops/index.js";
import { blocksOf, type Extent, extentOf } from "../device/layout.js";
import {
  type AttentionProblem,
  attentionApplySource,
  attentionScoresSource,
  attentionSumSource,
} from "../kernels/attention.js";
import type { Lowering, Step } from "./lowering.js";

/** Undefined for heads whose channels do not fill blocks. */
export function lowerAttention(node: NodeOf<"attention">, { graph, kernels }: Lowering): Step | undefined {
  const { heads } = node.attrs;
  const [q, k, v] = node.inputs;
  const [n, channels, h, w] = graph.values[q].shape;
  const { shape, name } = graph.values[node.outputs[0]];
  const [keySize, valueSize] = [channels / heads, shape[1] / heads];
  if (keySize % 4 !== 0 || valueSize % 4 !== 0) return undefined;
  const { dialect } = kernels.device;
  const problem: AttentionProblem = { dialect, heads, keySize, valueSize, height: h, width: w };
  const every: Extent = [w, h, n * heads * blocksOf(h * w)];
  kernels.device.check(every, `${name}, scores`);
  const sources = {
    scores: attentionScoresSource(problem),
    sums: attentionSumSource(problem),
    apply: attentionApplySource(problem),
  };
  return {
    kernel: "gpu.js attention",
    run(values) {
      const scores = kernels.run(sources.scores, every, [values.device(q), values.device(k)]);
      const sums = kernels.run(sources.sums, [w, h, n * heads], [scores]);
      const attended = kernels.run(sources.apply, extentOf(shape), [scores, sums, values.device(v)]);
      values.setDevice(node.outputs[0], attended);
      kernels.device.release(scores);
      kernels.device.release(sums);
    },
  };
}
