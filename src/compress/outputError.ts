/** How far a network's outputs are from the original's: a proxy for mAP that needs no labels. */

import { type HostTensor, toFloat32 } from "../tensor/index.js";
import type { HeadFacts } from "../yolov5/graph/heads.js";

/**
 * Detection: squared differences of all scores (objectness × class) and, weighted by the squared score, of the boxes
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
  for (let row = 0; row < e.length; row += outputs) {
    let best = 0;
    for (let c = row + 5; c < row + 5 + classes; c++) {
      const score = e[row + 4] * e[c];
      error += (a[row + 4] * a[c] - score) ** 2;
      energy += score ** 2;
      if (score > best) best = score;
    }
    if (best < 0.05) continue;
    const [w, h] = [e[row + 2], e[row + 3]];
    let box = 0;
    for (let k = 0; k < 4; k++) box += ((a[row + k] - e[row + k]) / (k % 2 === 0 ? w : h)) ** 2;
    error += best ** 2 * Math.min(box, 1);
  }
  return error / Math.max(energy, 1e-20);
}
