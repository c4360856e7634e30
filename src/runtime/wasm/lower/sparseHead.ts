/**
 * The last layer of a detection head for few of its pixels. Who asks for rows above a threshold of objectness needs a small part of
 * what it computes: objectness of all pixels comes first, a sixtieth of the work, and then all numbers of the pixels that have
 * enough of it, put next to each other. Steps for both ways are in the plan; a run takes one of them. Rows have the same bits.
 */

import { invariant } from "../../../errors.js";
import {
  convPoint,
  detectKernel,
  LISTED_PIXELS,
  PANEL,
  packedFloats,
  packPanels,
} from "../../../kernels/wasm/index.js";
import { consumersOf, type NodeOf, producersOf, type ValueId } from "../../../ops/index.js";
import { channelsOfStored } from "../../channels.js";
import type { Nhwc } from "./layout.js";
import type { Lowering } from "./lowering.js";
import type { SparseHead, SparseLevel } from "./sparseSteps.js";
import type { Step } from "./steps.js";
import { type Address, roundUp, type Storage } from "./storages.js";

/** Columns of a row before objectness: x, y, width, height. */
const OBJECTNESS = 4;
/** Anchors whose objectness fits into one vector. */
const MOST_ANCHORS = 4;
/** Of all pixels; with more of them, computing all is as quick. */
const MOST_LISTED = 1 / 2;
const WIDTH = "width";
const COUNT = "count";
const PLAIN = convPoint({ activation: { kind: "identity" }, residual: false, unroll: 4 }, true).name;

/** The convolution before a level of a head. */
interface Last {
  readonly index: number;
  readonly step: Step;
  readonly view: Nhwc;
  readonly depth: number;
  readonly pixels: number;
  readonly anchors: number;
}

export interface ScoredHead {
  readonly levels: readonly (Last & { readonly scores: Storage })[];
  readonly range: readonly [from: number, to: number];
}

/**
 * Adds the steps that compute objectness, before the head itself is lowered.
 * @returns undefined, and adds none, for heads of another kind than the usual one: 1×1 convolutions in float32 that nothing else reads
 */
export function emitScores(lowering: Lowering, node: NodeOf<"detect">): ScoredHead | undefined {
  const { graph, steps } = lowering;
  if (node.outputs[0] !== graph.outputs[0] || graph.outputs.lastIndexOf(node.outputs[0]) > 0) return undefined;
  const found = node.inputs.map((id) => lastConv(lowering, node, id));
  const lasts = found.filter((last) => last !== undefined);
  if (lasts.length < found.length) return undefined;
  const from = steps.length;
  const levels = lasts.map((last) => ({ ...last, scores: emitLevelScores(lowering, node, last) }));
  const range = [from, steps.length] as const;
  // All are read together.
  for (const { scores } of levels) scores.last = range[1] - 1;
  return { levels, range };
}

function lastConv(lowering: Lowering, head: NodeOf<"detect">, id: ValueId): Last | undefined {
  const { graph, options, steps } = lowering;
  const index = producersOf(graph).get(id);
  const node = index === undefined ? undefined : graph.nodes[index];
  if (index === undefined || node?.type !== "conv2d" || node.attrs.groups !== 1) return undefined;
  if (options.keep.has(id) || graph.outputs.includes(id) || consumersOf(graph).get(id)?.length !== 1) return undefined;
  const [step, ...others] = steps.filter((other) => other.node === index);
  if (step?.kernel.name !== PLAIN || others.length > 0) return undefined;
  const view = lowering.compact(id);
  const { outputs } = head.attrs;
  const anchors = lowering.shape(id)[1] / outputs;
  if (anchors > MOST_ANCHORS) return undefined;
  return { index: steps.indexOf(step), step, view, depth: step.args.depth as number, pixels: view.h * view.w, anchors };
}

function emitLevelScores(lowering: Lowering, { attrs }: NodeOf<"detect">, last: Last): Storage {
  const { graph } = lowering;
  const { step, view, depth, pixels, anchors } = last;
  const conv = graph.nodes[step.node] as NodeOf<"conv2d">;
  const weight = lowering.weight(conv.inputs[1], conv);
  const bias = conv.attrs.hasBias ? lowering.weight(conv.inputs[2], conv) : undefined;
  const { segments } = lowering.nhwc(conv.inputs[0]);
  const channels = channelsOfStored(segments);
  const { outputs } = attrs;
  const width = weight.shape[1];
  const weights = lowering.constant(
    `objectness ${anchors}×${outputs} ${channels.join()}`,
    [weight],
    packedFloats(anchors, depth),
    (target) =>
      packPanels(target, weight.data, anchors, depth, (k) =>
        channels[k] < 0 ? undefined : [OBJECTNESS * width + channels[k], outputs * width],
      ),
  );
  const biases = lowering.constant(`objectness bias ${anchors}×${outputs}`, bias ? [bias] : [], PANEL, (target) => {
    target.fill(0);
    for (let a = 0; bias && a < anchors; a++) target[a] = bias.data[a * outputs + OBJECTNESS];
  });
  const all = view.n * pixels;
  const scores = lowering.allocate(all * 16);
  lowering.step(
    step.kernel,
    {
      ...step.args,
      ...{ weights, bias: biases, panels: 0, half: 1, panelBlocks: 1, panelsPerBlock: 1 },
      ...{ out: { storage: scores, offset: 0 }, outStep: 16 },
    },
    Math.ceil(all / (step.args.blockWidth as number)),
  );
  return scores;
}

/**
 * Adds the steps for listed pixels, behind those of the whole head.
 * @param whole the steps of the whole head, one for each level
 */
export function emitListed(
  lowering: Lowering,
  node: NodeOf<"detect">,
  { levels: scored, range }: ScoredHead,
  whole: readonly number[],
): SparseHead {
  const { steps } = lowering;
  const { outputs } = node.attrs;
  const [, total] = lowering.shape(node.outputs[0]);
  const from = steps.length;
  const levels: SparseLevel[] = [];
  // The memory of all rows is free in a run for few.
  const { storage } = lowering.outputDense(node.outputs[0]);
  let free = 0;
  const take = (bytes: number): Address => {
    const offset = free;
    free += roundUp(bytes, 16);
    invariant(free <= storage.bytes, "listed pixels take more memory than all");
    return { storage, offset };
  };
  let firstRow = 0;
  for (const [i, { step, view, depth, pixels, anchors, scores }] of scored.entries()) {
    const width = anchors * outputs;
    // Without what rounding adds.
    const room = Math.floor(view.n * pixels * Math.min(MOST_LISTED, width / (width + depth)));
    const most = Math.max(0, room - 2);
    const inputs = take(most * depth * 4);
    const rows = take(most * width * 4);
    const places = lowering.allocate(most * 4);
    const block = step.args.blockWidth as number;
    const blocks = Math.ceil(most / block);
    const convAt = steps.length;
    lowering.step(
      step.kernel,
      {
        ...step.args,
        ...{ x: inputs, xStep: depth * 4, [WIDTH]: 0, blocksPerRow: blocks },
      },
      blocks * (step.args.panelBlocks as number),
    );
    const detect = steps[whole[i]];
    const kernel = detectKernel(true);
    const detectAt = steps.length;
    lowering.step(
      kernel,
      {
        ...(detect.args as Record<(typeof kernel.fields)[number], number>),
        ...{ out: rows, places: { storage: places, offset: 0 }, [COUNT]: 0 },
      },
      Math.ceil(most / LISTED_PIXELS),
    );
    levels.push({
      ...{ n: view.n, pixels, anchors, firstRow, scores, depth, most, inputs, places, rows },
      source: step.args.x as Address,
      step: step.args.xStep as number,
      counts: [
        { step: convAt, word: step.kernel.fields.indexOf(WIDTH) },
        { step: detectAt, word: kernel.fields.indexOf(COUNT) },
      ],
    });
    firstRow += anchors * pixels;
  }
  const to = steps.length;
  for (const { source, places } of levels) {
    // The host reads and writes them before the first of these steps.
    source.storage.last = Math.max(source.storage.last, from);
    places.first = from;
  }
  const every = new Set([...scored.map(({ index }) => index), ...whole]);
  return { whole: every, scores: range, listed: [from, to], levels, total, columns: outputs };
}
