/**
 * The numeric reference, node by node: a float32 graph as built, with each op's float64 reference; a quantized one after the
 * passes, in the arithmetic that all integer kernels share, bit for bit.
 */

import { atOnce } from "../../breathe.js";
import { DisposedError, UnsupportedError } from "../../errors.js";
import {
  evaluate,
  type FoldCache,
  type Graph,
  givenValue,
  liveSetBytes,
  type Node,
  optimizePieces,
  quantizedReference,
  type ValueId,
} from "../../ops/index.js";
import type { HostTensor } from "../../tensor/index.js";
import {
  type Backend,
  type Capabilities,
  type CompileOptions,
  type ComputeDType,
  type Executable,
  FLOAT32_TENSORS,
  graphBytes,
  type MemoryUse,
  type NodeTiming,
} from "../backend.js";
import { CallQueue } from "../callQueue.js";
import { checkInputs, tapValues } from "../inputs.js";
import { checkLiveSet } from "../liveSetLimit.js";
import { nodeCost } from "../nodeCost.js";
import { passesThatKeep } from "../taps.js";

class CpuExecutable implements Executable {
  private readonly calls = new CallQueue();
  private readonly folded: FoldCache = new WeakMap();
  private disposed = false;

  constructor(
    private readonly graph: Graph,
    private readonly dtype: ComputeDType,
  ) {}

  async run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    const values = await this.execute(inputs, new Set());
    return this.graph.outputs.map((id) => givenValue(this.graph, values, id));
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    const ids = tapValues(this.graph, names);
    const values = await this.execute(inputs, new Set(ids));
    return new Map(names.map((name, i) => [name, givenValue(this.graph, values, ids[i])]));
  }

  async profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]> {
    const timings: NodeTiming[] = [];
    await this.execute(inputs, new Set(), (node, ms, graph) => {
      timings.push({ ...nodeCost(graph, node), kernel: "reference", ms });
    });
    return timings;
  }

  memory(): MemoryUse {
    let weightBytes = 0;
    for (const { data } of this.graph.constants.values()) weightBytes += data.byteLength;
    const live = liveSetBytes(this.graph);
    return {
      weightBytes,
      activationBytes: live,
      stagingBytes: 0,
      liveSetBytes: live,
      sharedBytes: weightBytes,
      shapeBytes: graphBytes(this.graph),
    };
  }

  dispose(): void {
    this.disposed = true;
  }

  /** One run at a time, in the order of the calls. */
  private execute(
    inputs: readonly HostTensor[],
    keep: ReadonlySet<ValueId>,
    onNode?: (node: Node, ms: number, graph: Graph) => void,
  ): Promise<Map<ValueId, HostTensor>> {
    if (this.disposed) return Promise.reject(new DisposedError("the executable"));
    return this.calls.add(() => {
      checkInputs(this.graph, inputs);
      const timed = (graph: Graph) => (onNode ? { onNode: (node: Node, ms: number) => onNode(node, ms, graph) } : {});
      if (this.dtype !== "int8") return evaluate(this.graph, inputs, { keep, ...timed(this.graph) });
      const graph = atOnce(passesThatKeep(this.graph, keep, (built) => optimizePieces(built, this.folded)));
      return evaluate(graph, inputs, { keep, reference: quantizedReference, ...timed(graph) });
    });
  }
}

class CpuBackend implements Backend {
  readonly name = "cpu";
  readonly adapter = "TypeScript reference";
  readonly software = false;
  readonly capabilities: Capabilities = { ...FLOAT32_TENSORS, dtypes: ["float32", "int8"] };

  async compile(graph: Graph, { dtype = "float32" }: CompileOptions = {}): Promise<Executable> {
    if (!this.capabilities.dtypes.includes(dtype)) {
      throw new UnsupportedError(`cpu: ${dtype} is not supported, the reference computes in float32 and int8`, {
        dtype,
      });
    }
    checkLiveSet(graph, "cpu");
    return new CpuExecutable(graph, dtype);
  }

  counters(): undefined {}

  dispose(): void {}
}

/** `--backend cpu`: slow, exact, everywhere. */
export function createCpuBackend(): Backend {
  return new CpuBackend();
}
