/** How much faster this engine is than its peers: ratios of medians from one bench run. */

import type { BenchRow } from "../measure.js";

const OWN_ENGINE = "yolov5-ts";

export interface Ratio {
  /** `yolov5-ts/webgpu`. */
  readonly engine: string;
  /** `onnxruntime-node/webgpu`. */
  readonly over: string;
  readonly model: string;
  /** The peer's median ÷ ours; above 1 this engine is faster. */
  readonly medianOverMedian: number;
}

/** Compares each of our rows with every peer's row for the same model, size and batch. */
export function ratiosOf(rows: readonly BenchRow[]): Ratio[] {
  const peers = rows.filter(({ engine }) => engine !== OWN_ENGINE);
  return rows
    .filter(({ engine }) => engine === OWN_ENGINE)
    .flatMap((own) =>
      peers
        .filter(
          (peer) => peer.model === own.model && peer.batch === own.batch && String(peer.imgsz) === String(own.imgsz),
        )
        .map((peer) => ({
          engine: `${own.engine}/${own.backend}`,
          over: `${peer.engine}/${peer.backend}`,
          model: own.model,
          medianOverMedian: peer.medianMs / own.medianMs,
        })),
    );
}

/** `yolov5-ts/webgpu is 2.31× as fast as onnxruntime-node/webgpu`. */
export function ratioLines(ratios: readonly Ratio[]): string[] {
  const several = new Set(ratios.map(({ model }) => model)).size > 1;
  return ratios.map(({ engine, over, model, medianOverMedian }) => {
    return `${engine} is ${medianOverMedian.toFixed(2)}× as fast as ${over}${several ? ` with ${model}` : ""}`;
  });
}
