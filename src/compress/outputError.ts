/** How far a network's outputs are from the original's: a proxy for mAP that needs no labels. */

import { type HostTensor, toFloat32 } from "../tensor/index.js";
import type { HeadFacts } from "../yolov5/graph/heads.js";

/**
 * Detection: squared differences of all scores (objectness × class, or the class score alone) and, weighted by the squared score, of the boxes
 * relative to their size, ÷ the sum of squared scores. Classification: squared differences of the logits ÷ their
 * energy. 0: identical outputs; 1: as wrong as no output at all.
 */
export function outputError(actual: HostTensor, expected: HostTensor, head: HeadFacts): number {
  const [a, e] = [toFloat32(actual).data, toFloat32(expected).data];
  let error = 0;
  let energy = 0;
  if (head.kind === "classify") {
    for (let i = 0; i < e.length; i++) {
      error += (a[i] - e[i]) ** 2;
      energy += e[i] ** 2;
    }
    return error / Math.max(energy, 1e-20);
  }
  const { outputs, classes } = head;
  const objectness = head.family === "yolov5";
  const first = objectness ? 5 : 4;
  const scoreAt = (data: Float32Array, row: number, c: number): number => (objectness ? data[row + 4] : 1) * data[c];
  for (let row = 0; row < e.length; row += outputs) {
    let best = 0;
    for (let c = row + first; c < row + first + classes; c++) {
      const score = scoreAt(e, row, c);
      error += (scoreAt(a, row, c) - score) ** 2;
      energy += score ** 2;
      if (score > best) best = score;
    }
    if (best < 0.05) continue;
    const corners = head.endToEnd;
    const w = corners ? e[row + 2] - e[row] : e[row + 2];
    const h = corners ? e[row + 3] - e[row + 1] : e[row + 3];
    let box = 0;
    for (let k = 0; k < 4; k++) box += ((a[row + k] - e[row + k]) / (k % 2 === 0 ? w : h)) ** 2;
    error += best ** 2 * Math.min(box, 1);
  }
  return error / Math.max(energy, 1e-20);
}
