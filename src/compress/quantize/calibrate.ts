/** Runs pictures through the float32 network and records the inputs of each convolution. */

import { Breather } from "../../breathe.js";
import { OptionError } from "../../errors.js";
import type { Graph, ValueId } from "../../ops/index.js";
import type { Backend } from "../../runtime/backend.js";
import { type HostTensor, toFloat32 } from "../../tensor/index.js";
import { Histogram } from "./histogram.js";
import type { QuantizationPlan } from "./plan.js";
import {
  type ActivationQuantization,
  activationQuantization,
  type CalibrationMethod,
  DEFAULT_PERCENTILE,
  type Range,
  rangeOf,
} from "./ranges.js";
import { scaleGroups } from "./sharedScales.js";

export interface CalibrationOptions {
  readonly method: CalibrationMethod;
  /** For `percentile`. Default 99.999. */
  readonly percentile?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each input with the number of inputs so far. */
  readonly onInput?: ((done: number) => void) | undefined;
}

export interface Calibration {
  readonly inputs: number;
  /** By module path of the convolution. */
  readonly activations: ReadonlyMap<string, ActivationQuantization>;
}

/**
 * Scale and zero point of every planned convolution's input. Values that can then stay in integers between convolutions
 * share theirs (`scaleGroups`): the range of all of them.
 * @param inputs tensors of the shape that the plan's graph takes.
 * @throws OptionError without inputs; NumericError if outputs are not finite; what the backend throws.
 */
export async function calibrate(
  backend: Backend,
  plan: QuantizationPlan,
  inputs: AsyncIterable<HostTensor> | Iterable<HostTensor>,
  options: CalibrationOptions,
): Promise<Calibration> {
  const { graph } = plan;
  const convolutions = [...plan.convolutions, ...plan.wide];
  const observed = [...new Set(convolutions.map(([, node]) => node.inputs[0]))];
  const histograms = new Map(observed.map((id): [ValueId, Histogram] => [id, new Histogram()]));
  const computed = observed.filter((id) => !graph.inputs.includes(id));
  const watched: Graph = { ...graph, outputs: computed };
  const executable = await backend.compile(watched, options.signal ? { signal: options.signal } : {});
  const breather = new Breather(options.signal);
  let done = 0;
  try {
    for await (const input of inputs) {
      options.signal?.throwIfAborted();
      const outputs = await executable.run([input]);
      const count = (id: ValueId, tensor: HostTensor): void =>
        histograms.get(id)?.add(toFloat32(tensor).data, graph.values[id].name);
      for (const [i, id] of computed.entries()) {
        count(id, outputs[i]);
        await breather.rest();
      }
      for (const id of graph.inputs) count(id, input);
      done++;
      options.onInput?.(done);
    }
  } finally {
    executable.dispose();
  }
  if (done === 0) throw new OptionError("calibration needs at least one picture");
  const { method, percentile = DEFAULT_PERCENTILE } = options;
  const groups = scaleGroups(graph);
  const groupOf = (id: ValueId): ValueId => groups.get(id) ?? id;
  const ranges = new Map<ValueId, Range>();
  for (const [id, histogram] of histograms) {
    const { low, high } = rangeOf(histogram, method, percentile);
    const known = ranges.get(groupOf(id)) ?? { low, high };
    ranges.set(groupOf(id), { low: Math.min(low, known.low), high: Math.max(high, known.high) });
    await breather.rest();
  }
  const activations = new Map<string, ActivationQuantization>();
  for (const [name, node] of convolutions) {
    const range = ranges.get(groupOf(node.inputs[0]));
    if (range) activations.set(name, activationQuantization(range));
  }
  return { inputs: done, activations };
}
