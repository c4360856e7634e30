/**
 * Finds the released wiring that a bare state dict fits: one that uses every tensor in the file and lacks none.
 * Widths, depths and class counts come from the tensors. The activation is unknown, so this is for advice, not for
 * loading.
 */

import { WeightError } from "../../errors.js";
import type { HostTensor } from "../../tensor/index.js";
import { architecture } from "./architectures.js";
import { stateDictSource } from "./sources.js";
import { synthesizeModule } from "./synthesize.js";

const VARIANTS = ["", "-seg", "-pose", "-cls"] as const;
/** One of each wiring, and of 11 and 26 one with C3k blocks everywhere; apart from that the size does not matter. */
const WIRINGS: readonly string[] = [
  ...["yolov5s", "yolov5s6", "yolov5s-seg", "yolov5s-cls", "yolov5nu", "yolov5n6u"],
  ...["yolov8n", "yolo11n", "yolo11m"].flatMap((name) => VARIANTS.map((variant) => name + variant)),
  ...["yolo26n", "yolo26m"],
];

/** Counters of training, and buffers that repeat the anchors. */
const IGNORED = /\.(num_batches_tracked|anchor_grid|stride)$/;

/** The wiring's name; undefined if none fits exactly. */
export function fittingArchitecture(stateDict: ReadonlyMap<string, HostTensor>): string | undefined {
  const wanted = [...stateDict.keys()].filter((name) => !IGNORED.test(name));
  return WIRINGS.find((wiring) => {
    const used = new Set<string>();
    const source = stateDictSource(stateDict);
    try {
      synthesizeModule(architecture(wiring), {
        ...source,
        get(name, shape) {
          used.add(name);
          return source.get(name, shape);
        },
      });
    } catch (error) {
      // A missing tensor means another wiring; anything else is a fault of the file.
      if (error instanceof WeightError) return false;
      throw error;
    }
    return wanted.every((name) => used.has(name));
  });
}
