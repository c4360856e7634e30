/** Input checks common to all backends. */

import { GraphError, ShapeError } from "../errors.js";
import type { Graph } from "../ops/index.js";
import { formatShape, type HostTensor } from "../tensor/index.js";

/** @throws ShapeError unless there is one float32 tensor of the declared shape for every input of the graph. */
export function checkInputs(graph: Graph, inputs: readonly HostTensor[]): void {
  if (inputs.length !== graph.inputs.length) {
    throw new ShapeError(`run: ${inputs.length} tensors given, the graph has ${graph.inputs.length} inputs`);
  }
  graph.inputs.forEach((id, i) => {
    const { name, shape, dtype } = graph.values[id];
    const given = inputs[i];
    if (given.dtype !== dtype || given.shape.length !== shape.length || given.shape.some((d, k) => d !== shape[k])) {
      throw new ShapeError(
        `run: ${name} must be ${dtype} ${formatShape(shape)}, got ${given.dtype} ${formatShape(given.shape)}`,
        { name, shape, given: given.shape },
      );
    }
  });
}

/** @throws GraphError with the known names if a name is not a tap of the graph. */
export function tapValues(graph: Graph, names: readonly string[]): number[] {
  return names.map((name) => {
    const id = graph.taps.get(name);
    if (id === undefined) {
      const known = [...graph.taps.keys()];
      throw new GraphError(
        `tap: no layer is named ${name}; there are ${known.slice(0, 6).join(", ")}, … (${known.length})`,
        { name },
      );
    }
    return id;
  });
}
