/** detect: a kernel decodes each level; the host puts the levels' rows one after another. */

import type { NodeOf } from "../../../ops/index.js";
import { detectSource } from "../kernels/detect.js";
import type { Lowering, Step } from "./lowering.js";

export function lowerDetect(node: NodeOf<"detect">, { graph, kernels }: Lowering): Step {
  const { anchors, strides, outputs, maskCoefficients } = node.attrs;
  const output = node.outputs[0];
  const { shape } = graph.values[output];
  const [n, rows] = shape;
  const levels = node.inputs.map((id, level) => {
    const [, , h, w] = graph.values[id].shape;
    const count = anchors[level].length / 2;
    const source = detectSource({
      dialect: kernels.device.dialect,
      width: w,
      anchors: anchors[level],
      stride: strides[level],
      outputs,
      maskCoefficients,
    });
    return { id, source, extent: [outputs, h * w, n * count] as const, floats: outputs * h * w * count };
  });
  return {
    kernel: "gpu.js detect",
    run(values) {
      const data = new Float32Array(n * rows * outputs);
      let start = 0;
      for (const { id, source, extent, floats } of levels) {
        const decoded = kernels.read(source, extent, [values.device(id)]);
        for (let image = 0; image < n; image++) {
          data.set(decoded.subarray(image * floats, (image + 1) * floats), image * rows * outputs + start);
        }
        start += floats;
      }
      values.setHost(output, { dtype: "float32", shape, data });
    },
  };
}
