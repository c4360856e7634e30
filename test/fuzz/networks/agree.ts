/** Runs a random network on every backend: each layer agrees with the reference, or the network is refused in one error. */

import { EngineError } from "../../../src/errors.js";
import { evaluate, type Graph, type ValueId } from "../../../src/ops/index.js";
import type { Backend } from "../../../src/runtime/backend.js";
import { compare, elementCount, type HostTensor, tensor } from "../../../src/tensor/index.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { floatLimits } from "../../../src/yolov5/graph/roundingLimits.js";
import type { Draw } from "../draw.js";
import { type RandomNetwork, randomNetwork } from "./network.js";

/** Backends by name, opened when the first case asks; undefined where this machine has none. */
export type OpenBackend = (name: BackendName) => Promise<Backend | undefined>;
export type BackendName = "cpu" | "wasm" | "webgpu" | "gpujs";

/**
 * Between these, float32 holds a value and its square with all its digits. Beyond, what overflows first depends on the order of
 * operations, and a device may round the smallest numbers to 0.
 */
const LARGEST = 1e15;
const SMALLEST = 1e-15;
/**
 * Backends compute tanh and ELU as differences of numbers near 1, to the last digits of 1: smaller results have fewer digits.
 */
const DIFFERENCES: ReadonlySet<string> = new Set(["tanh", "elu"]);
/**
 * Where the reference cancels to nothing, a device that adds in another order may keep what rounding leaves: relative to the input,
 * and of a root mean square that no comparison needs.
 */
const RESIDUE = 1e-15;
/** Root mean square below which the errors of such a network's values are relative to this. */
const SMALL = 0.1;

export async function networkCase(draw: Draw, open: OpenBackend): Promise<void> {
  const network = randomNetwork(draw);
  const { graph } = buildGraph(network.root, network.input);
  const input = randomInput(draw, network);
  const truth = await evaluate(graph, [input], { keep: new Set(graph.taps.values()) });
  const differences = graph.nodes.some(
    ({ type, attrs }) => type === "activation" && DIFFERENCES.has(attrs.activation.kind),
  );
  const compared = comparable(graph, [input, ...truth.values()]) && !(differences && network.extreme);
  const taps = compared ? [...graph.taps] : [];
  // Shaders take a compiler's time, so that a part of the networks has to do.
  const backends: BackendName[] = ["cpu", "wasm", ...(draw.chance(0.25) ? (["gpujs"] as const) : [])];
  if (draw.chance(0.15)) backends.push("webgpu");
  for (const name of backends) {
    const backend = await open(name);
    if (backend) await agrees(backend, graph, input, truth, taps, differences ? SMALL : 0);
  }
}

function randomInput(draw: Draw, { input }: RandomNetwork): HostTensor {
  const scale = draw.weighted([
    [20, 1],
    [1, 0],
    [1, 255],
    [1, 1e30],
    [1, Number.NaN],
    [1, Number.POSITIVE_INFINITY],
  ]);
  return tensor(
    "float32",
    input,
    Float32Array.from({ length: elementCount(input) }, () => scale * draw.unit()),
  );
}

/** Whether all values lie where float32 computes alike in every order. */
function comparable(graph: Graph, values: Iterable<HostTensor>): boolean {
  const sane = (data: ArrayLike<unknown>): boolean => {
    let largest = 0;
    for (let i = 0; i < data.length; i++) {
      const size = Math.abs(Number(data[i]));
      if (!(size <= LARGEST)) return false;
      if (size > largest) largest = size;
    }
    return largest === 0 || largest >= SMALLEST;
  };
  for (const { data } of values) if (!sane(data)) return false;
  for (const { data } of graph.constants.values()) if (!sane(data)) return false;
  return true;
}

/** @throws Error that names backend, layer and difference. */
async function agrees(
  backend: Backend,
  graph: Graph,
  input: HostTensor,
  truth: ReadonlyMap<ValueId, HostTensor>,
  taps: readonly (readonly [string, ValueId])[],
  small: number,
): Promise<void> {
  const executable = await backend.compile(graph);
  try {
    const outputs = await executable.run([input]);
    const names = taps.map(([name]) => name);
    const values = await executable.tap(names, [input]);
    const limits = floatLimits(graph, names, input, backend.name);
    const check = async (name: string, actual: HostTensor | undefined, id: ValueId): Promise<void> => {
      const expected = truth.get(id);
      if (!actual || !expected) throw new Error(`${backend.name}: ${name} is missing`);
      const { nmse, maxAbs, worstIndex } = compare(actual, expected);
      const limit = await limits.of(name, nmse);
      // Where nothing is left but what rounding leaves of the input, there is nothing to compare with.
      const least = Math.max(small, RESIDUE * largestOf(input));
      if (nmse <= limit || squares(actual, expected) <= limit * least ** 2 * expected.data.length) return;
      throw new Error(
        `${backend.name}: ${name} [${expected.shape}] differs by ${maxAbs} at ${worstIndex}, NMSE ${nmse}, allowed ${limit}`,
      );
    };
    for (const [name, id] of taps) await check(name, values.get(name), id);
    for (const [i, id] of graph.outputs.entries()) {
      const name = taps.find(([, tap]) => tap === id)?.[0];
      if (name !== undefined) await check(name, outputs[i], id);
      else compare(outputs[i], tensorOf(graph, id));
    }
  } catch (error) {
    if (error instanceof EngineError) error.message = `${backend.name}: ${error.message}`;
    throw error;
  } finally {
    executable.dispose();
  }
}

/** Sum of the squares of all differences. */
function squares(actual: HostTensor, expected: HostTensor): number {
  let sum = 0;
  for (let i = 0; i < expected.data.length; i++) sum += (Number(actual.data[i]) - Number(expected.data[i])) ** 2;
  return sum;
}

/** The largest magnitude; 1 for an input of zeros, since biases then stand in its place. */
function largestOf({ data }: HostTensor): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(Number(data[i])));
  return largest || 1;
}

/** Zeros, to compare shapes with. */
function tensorOf(graph: Graph, id: ValueId): HostTensor {
  const { shape } = graph.values[id];
  return tensor("float32", shape, new Float32Array(elementCount(shape)));
}
