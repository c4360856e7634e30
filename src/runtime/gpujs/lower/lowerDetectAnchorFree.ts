/** detectAnchorFree: kernels decode each level's boxes, classes and the rest; the host puts them together to rows. */

import { anchorFreeColumns, mapsOfLevel, type NodeOf } from "../../../ops/index.js";
import type { Extent } from "../device/layout.js";
import {
  type AnchorFreeLevel,
  anchorFreeBoxSource,
  anchorFreeExtraSource,
  anchorFreeScoreSource,
} from "../kernels/detectAnchorFree.js";
import type { Lowering, Step } from "./lowering.js";

/** One map's share of the rows. */
interface Part {
  readonly id: number;
  readonly source: string;
  readonly extent: Extent;
  readonly firstRow: number;
  readonly firstColumn: number;
}

export function lowerDetectAnchorFree(node: NodeOf<"detectAnchorFree">, { graph, kernels }: Lowering): Step {
  const { strides, bins, classes, extras, keypointSize, corners } = node.attrs;
  const output = node.outputs[0];
  const { shape } = graph.values[output];
  const [n, rows] = shape;
  const columns = anchorFreeColumns(node.attrs);
  const perLevel = mapsOfLevel(node.attrs);
  let firstRow = 0;
  const parts = strides.flatMap((stride, index): Part[] => {
    const ids = node.inputs.slice(index * perLevel, (index + 1) * perLevel);
    const [, , h, w] = graph.values[ids[0]].shape;
    const level: AnchorFreeLevel = { dialect: kernels.device.dialect, width: w, stride, bins, corners, keypointSize };
    const start = firstRow;
    firstRow += h * w;
    const part = (map: number, source: string, count: number, firstColumn: number): Part => ({
      id: ids[map],
      source,
      extent: [count, h * w, n],
      firstRow: start,
      firstColumn,
    });
    const found = [
      part(0, anchorFreeBoxSource(level), 4, 0),
      part(1, anchorFreeScoreSource(level, classes), classes, 4),
    ];
    if (extras > 0) found.push(part(2, anchorFreeExtraSource(level, extras), extras, 4 + classes));
    return found;
  });
  return {
    kernel: "gpu.js detectAnchorFree",
    run(values) {
      const data = new Float32Array(n * rows * columns);
      for (const { id, source, extent, firstRow: start, firstColumn } of parts) {
        const decoded = kernels.read(source, extent, [values.device(id)]);
        const [count, cells] = extent;
        for (let i = 0; i < n * cells; i++) {
          const row = Math.floor(i / cells) * rows + start + (i % cells);
          data.set(decoded.subarray(i * count, (i + 1) * count), row * columns + firstColumn);
        }
      }
      values.setHost(output, { dtype: "float32", shape, data });
    },
  };
}
