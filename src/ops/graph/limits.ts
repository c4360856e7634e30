/**
 * Limits on graphs, each far beyond any real network (see the table in `docs/hostile-files.md`): a file of a thousand
 * bytes can describe a graph that no machine can run, so a graph's cost is checked before anything is lowered.
 */

import { GraphError, LimitError, ShapeError } from "../../errors.js";
import { elementCount, formatShape } from "../../tensor/index.js";
import type { TensorDesc } from "./graph.js";

const MAX_NODES = 20_000;
/** Inputs of one node. */
const MAX_INPUTS = 256;
/** Sides of kernels, their reach with dilation, and borders. */
export const MAX_REACH = 1024;
/** Steps of windows, factors of upsampling, blocks of space-to-depth. */
export const MAX_STEP = 64;
/** Elements of one value: 16 GiB as float32, which no backend holds. */
const MAX_ELEMENTS = 2 ** 32;
/** Elements of one value, for each element of the graph's inputs and beside them. */
const VALUE_FACTOR = 64;
const VALUE_BASE = 2 ** 24;
/** Bytes that are live at one time, for each byte of the inputs and beside them. */
const LIVE_FACTOR = 128;
const LIVE_BASE = 2 ** 26;
/** Multiply-adds × 2, for each element of the inputs and beside them. */
const WORK_FACTOR = 1.5e6;
const WORK_BASE = 1e11;
/** Bytes of weights, counted at each use: a module that stands in several places is uploaded for each. */
const USES_FACTOR = 8;
const USES_BASE = 2 ** 26;

/** What a graph under construction takes. */
export class GraphLimits {
  private inputElements = 0;
  private nodes = 0;
  private work = 0;

  input({ shape }: TensorDesc): void {
    this.inputElements += elementCount(shape);
  }

  /**
   * Counts a node before it is added.
   * @throws ShapeError for an output without elements; LimitError, GraphError for what no real network has.
   */
  add(name: string, inputs: readonly TensorDesc[], { shape }: TensorDesc, flops: number): void {
    if (++this.nodes > MAX_NODES) throw new GraphError(`graph: more than ${MAX_NODES} operations (${name})`, { name });
    if (inputs.length > MAX_INPUTS) {
      throw new GraphError(`graph: ${inputs.length} inputs of one operation, more than ${MAX_INPUTS} (${name})`, {
        name,
      });
    }
    checkFilled(shape, name);
    const elements = elementCount(shape);
    if (elements > VALUE_BASE + VALUE_FACTOR * this.inputElements) {
      throw new GraphError(
        `graph: ${formatShape(shape)} is more than ${VALUE_FACTOR} times the network's input; the file is damaged or hostile (${name})`,
        { name, shape },
      );
    }
    if (elements > MAX_ELEMENTS) {
      throw new LimitError(
        `graph: ${formatShape(shape)} is more than 16 GiB; use a smaller imgsz, batch or model (${name})`,
        { name, shape },
      );
    }
    this.work += flops;
    if (!(this.work <= WORK_BASE + WORK_FACTOR * this.inputElements)) {
      throw new GraphError(
        `graph: more than ${WORK_FACTOR} operations for each number of the network's input; the file is damaged or hostile (${name})`,
        { name, work: this.work },
      );
    }
  }

  /** @throws GraphError for a graph whose values or weights would fill the memory. */
  finish(liveBytes: number, weightBytes: number, usedBytes: number): void {
    const most = LIVE_BASE + LIVE_FACTOR * 4 * this.inputElements;
    if (liveBytes > most) {
      throw new GraphError(
        `graph: its values take ${mib(liveBytes)} MiB at one time, more than ${LIVE_FACTOR} times the network's input; the file is damaged or hostile`,
        { liveBytes, most },
      );
    }
    if (usedBytes > USES_BASE + USES_FACTOR * weightBytes) {
      throw new GraphError(
        `graph: its weights are used too many times (${mib(usedBytes)} MiB in all, of ${mib(weightBytes)} MiB); the file is damaged or hostile`,
        { usedBytes, weightBytes },
      );
    }
  }
}

const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** @throws ShapeError where a dimension is 0: nothing can be computed from it, and kernels take for granted that there is something. */
export function checkFilled(shape: readonly number[], name: string): void {
  if (!shape.every((dimension) => Number.isSafeInteger(dimension) && dimension > 0)) {
    throw new ShapeError(
      `graph: every dimension must be a whole number of at least 1, got ${formatShape(shape)} (${name})`,
      {
        name,
        shape,
      },
    );
  }
}
