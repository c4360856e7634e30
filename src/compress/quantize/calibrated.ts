/** What a calibration found, used more than once. Not in the index, so that pages do not carry it. */

import { Breather } from "../../breathe.js";
import type { ModuleNode } from "../../weights/types.js";
import { buildGraph } from "../../yolov5/graph/buildGraph.js";
import { quantizeModulePieces } from "./convert.js";
import { planQuantization } from "./plan.js";
import type { CalibratedTree, QuantizedModule } from "./quantize.js";

/** A calibrated tree in int8. */
export async function convertTree(
  root: ModuleNode,
  { plan, calibration, facts }: CalibratedTree,
  signal?: AbortSignal,
): Promise<QuantizedModule> {
  return { module: await new Breather(signal).through(quantizeModulePieces(root, plan, calibration)), facts };
}

/** What `calibrateTree` found, for a tree that differs in its weights alone. */
export function calibratedLike(root: ModuleNode, { calibration, facts }: CalibratedTree): CalibratedTree {
  const { graph } = buildGraph(root, [1, 3, ...facts.imgsz]);
  const head = facts.head !== undefined;
  return { plan: planQuantization(root, graph, { except: new Set(facts.float32), head }), calibration, facts };
}
