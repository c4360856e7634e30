/** Runs a plan: inputs in, steps, outputs out. Calls of all plans of a model queue up in order. */

import { Breather } from "../../../breathe.js";
import { DisposedError, invariant } from "../../../errors.js";
import { type Graph, liveSetBytes, type ValueId } from "../../../ops/index.js";
import type { HostTensor } from "../../../tensor/index.js";
import {
  type CandidateOutputs,
  type CandidateRows,
  type DevicePicture,
  graphBytes,
  type MemoryUse,
  type NodeTiming,
  type PictureExecutable,
  type RunInput,
} from "../../backend.js";
import { checkInputs, tapValues } from "../../inputs.js";
import { nodeCost } from "../../nodeCost.js";
import { TapTwins } from "../../taps.js";
import { type Dense, type Nhwc, readDense, readNhwc } from "../lower/layout.js";
import type { SparseHead } from "../lower/sparseSteps.js";
import type { InputPlace } from "../lower/steps.js";
import type { Storage } from "../lower/storages.js";
import { candidateRows, type ScoreColumns, scoreColumns } from "./candidates.js";
import { densePlanes, type InputPlanes, paddedPlanes, writePictures, writeTensor } from "./inputs.js";
import type { LoadedPlan, ModelMemory } from "./modelMemory.js";
import { Pace } from "./pace.js";
import type { Program } from "./program.js";
import { listedRows, listPixels, scoreFor } from "./sparseRows.js";
import { type StepSelection, type StepSelections, stepSelections } from "./stepSelections.js";

/** What an executable needs of its backend. */
export interface ExecutableHost {
  /** Compiles the same graph with taps readable. */
  readonly compileKeeping: (taps: readonly string[]) => Promise<WasmExecutable>;
  /** Lowers the graph once more: what only a profile asks for is not kept. */
  readonly lower: () => Program;
  readonly onDispose: (self: WasmExecutable) => void;
}

/** Where a value that `tap` reads lies. */
interface KeptValue {
  readonly nhwc?: Nhwc | undefined;
  readonly dense?: Dense | undefined;
}

export class WasmExecutable implements PictureExecutable {
  private plan: LoadedPlan | undefined;
  private readonly twins: TapTwins<WasmExecutable>;
  private readonly inputs: readonly InputPlace[];
  private readonly outputs: readonly Dense[];
  private readonly scores: ScoreColumns | undefined;
  private readonly kept: ReadonlyMap<ValueId, KeptValue>;
  private readonly selections: StepSelections;
  private readonly sparse: SparseHead | undefined;
  private readonly pace: Pace;
  private readonly use: Omit<MemoryUse, "weightBytes" | "sharedBytes">;

  /**
   * No function is written in here: it would hold the program as long as the executable lives.
   * @param original the graph as the caller gave it: its taps and inputs
   */
  constructor(
    program: Program,
    plan: LoadedPlan,
    private readonly model: ModelMemory,
    private readonly original: Graph,
    private readonly host: ExecutableHost,
  ) {
    const { inputs, outputs, steps, graph, arenaBytes, scratchBytes, threads } = program;
    this.plan = plan;
    this.twins = new TapTwins(host.compileKeeping);
    this.inputs = inputs;
    this.outputs = outputs;
    this.scores = scoreColumns(graph);
    this.kept = keptValues(program);
    this.sparse = program.lowering.sparseHead;
    this.selections = stepSelections(
      steps.map(({ tiles }) => tiles),
      this.sparse,
    );
    this.pace = new Pace(program);
    this.use = {
      activationBytes: arenaBytes,
      stagingBytes: plan.tableBytes + scratchBytes * threads,
      liveSetBytes: liveSetBytes(graph, inFloats),
      shapeBytes: plan.tableBytes + graphBytes(original),
    };
  }

  run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    return this.runWhole({ inputs });
  }

  runPictures(pictures: readonly DevicePicture[]): Promise<HostTensor[]> {
    return this.runWhole({ pictures });
  }

  async runCandidates(given: RunInput, threshold: number): Promise<CandidateOutputs | undefined> {
    const { scores } = this;
    if (!scores) return undefined;
    return this.turn(async (plan) => {
      await this.begin(plan, given);
      const [head, ...others] = this.outputs;
      let candidates = await this.runFew(plan, threshold);
      if (!candidates) {
        const base = (placeOf(plan, head.storage) + head.offset) / 4;
        candidates = candidateRows(this.model.floats, base, head.shape, scores, threshold);
      }
      return { candidates, others: others.map((view) => this.readDense(plan, view)) };
    });
  }

  /** Runs all steps; those of the head for the pixels alone that need them if that is less. Undefined if it was not. */
  private async runFew(plan: LoadedPlan, threshold: number): Promise<CandidateRows[] | undefined> {
    const { sparse, scores, selections, model } = this;
    const least = scoreFor(threshold);
    if (!scores || !sparse || least === undefined) {
      await this.runAll(plan);
      return undefined;
    }
    await this.runSelection(plan, selections.before);
    const { floats, words } = model;
    const at = { floats, words, header: plan.header, placeOf: (storage: Storage) => placeOf(plan, storage) };
    const lists = listPixels(sparse, at, least);
    await this.runSelection(plan, lists ? selections.listed : selections.whole);
    return lists && listedRows(sparse, at, lists, scores.first, threshold);
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    if (!this.plan) throw new DisposedError("the executable");
    const ids = tapValues(this.original, names);
    if (!ids.every((id) => this.kept.has(id))) return (await this.twins.keeping(names)).tap(names, inputs);
    return this.turn(async (plan) => {
      await this.begin(plan, { inputs });
      await this.runAll(plan);
      return new Map(names.map((name, i) => [name, this.read(plan, ids[i], inputs)]));
    });
  }

  profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]> {
    return this.turn(async (plan) => {
      await this.begin(plan, { inputs });
      const { graph, steps } = this.host.lower();
      const { all } = this.selections;
      const timings = new Map<number, { ms: number; kernels: Set<string> }>();
      const breather = new Breather();
      for (const [index, { node, kernel }] of steps.entries()) {
        if (index >= all.end || all.skipped.has(index)) continue;
        const started = performance.now();
        await this.runPiece(plan, index, index + 1, all.skipped, breather);
        const ms = performance.now() - started;
        const entry = timings.get(node) ?? { ms: 0, kernels: new Set<string>() };
        entry.ms += ms;
        entry.kernels.add(kernel.name);
        timings.set(node, entry);
        await breather.rest();
      }
      return [...timings].map(([index, { ms, kernels }]): NodeTiming => {
        const kernel = [...kernels].join(" + ");
        const node = graph.nodes[index];
        if (!node) return { name: "output", type: "flatten", kernel, ms, flops: 0, bytes: 0 };
        return { ...nodeCost(graph, node), kernel, ms };
      });
    });
  }

  memory(): MemoryUse {
    if (!this.plan) throw new DisposedError("the executable");
    const { weightBytes, sharedBytes } = this.model;
    return { weightBytes, sharedBytes, ...this.use };
  }

  dispose(): void {
    const { plan } = this;
    if (!plan) return;
    this.plan = undefined;
    this.twins.dispose();
    // After the calls that are under way.
    void this.model.turns.add(() => {
      this.model.unload(plan);
      this.model.unuse();
    });
    this.host.onDispose(this);
  }

  /**
   * All steps, a piece at a time where they take long: the calling thread computes too, and signals, timers and the end of the
   * executable are heard in between.
   */
  private runAll(plan: LoadedPlan): Promise<void> {
    return this.runSelection(plan, this.selections.all);
  }

  private async runSelection(plan: LoadedPlan, { first, end, skipped }: StepSelection): Promise<void> {
    const { pace } = this;
    const breather = new Breather();
    for (let at = first, next = first; at < end; at = next) {
      next = at + 1;
      if (skipped.has(at)) continue;
      if (at > first) await this.rest(breather);
      next = Math.min(pace.end(at), end);
      await this.runPiece(plan, at, next, skipped, breather);
    }
    this.model.ran();
  }

  /** A single step that takes long is divided further. */
  private async runPiece(
    plan: LoadedPlan,
    first: number,
    end: number,
    skipped: StepSelection["skipped"],
    breather: Breather,
  ): Promise<void> {
    const { pace } = this;
    const within = [...skipped.values()].filter(({ step }) => step >= first && step < end);
    for (let from = 0; ; ) {
      const part = pace.part(first, end, from);
      const started = performance.now();
      await this.model.run(plan, first, end, part ? [part] : within);
      pace.took(first, end, performance.now() - started, part);
      if (!part || part.to === part.tiles) return;
      from = part.to;
      await this.rest(breather);
    }
  }

  private async rest(breather: Breather): Promise<void> {
    await breather.rest();
    if (!this.plan) throw new DisposedError("the executable");
  }

  /** One call at a time, in the order they came. */
  private turn<T>(work: (plan: LoadedPlan) => Promise<T>): Promise<T> {
    return this.model.turns.add(() => {
      if (!this.plan) throw new DisposedError("the executable");
      return work(this.plan);
    });
  }

  private runWhole(given: RunInput): Promise<HostTensor[]> {
    return this.turn(async (plan) => {
      await this.begin(plan, given);
      await this.runAll(plan);
      return this.outputs.map((view) => this.readDense(plan, view));
    });
  }

  private async begin(plan: LoadedPlan, { inputs, pictures }: RunInput): Promise<void> {
    if (inputs) checkInputs(this.original, inputs);
    await this.model.place(plan);
    if (pictures) {
      const writer = pictures.length > 0 ? await this.model.pictures.open(pictures) : undefined;
      writePictures(this.model.floats, this.planesOf(plan, 0), pictures, writer);
      return;
    }
    const { floats } = this.model;
    this.inputs.forEach(({ dense }, i) => {
      const data = inputs[i].data as Float32Array;
      if (dense) floats.set(data, (placeOf(plan, dense.storage) + dense.offset) / 4);
      else writeTensor(floats, this.planesOf(plan, i), data);
    });
  }

  private planesOf(plan: LoadedPlan, index: number): InputPlanes {
    const { dense, padded } = this.inputs[index];
    if (padded) return paddedPlanes(this.model.floats, placeOf(plan, padded.storage) / 4, padded);
    invariant(dense, `input ${index} has no place`);
    return densePlanes(dense.shape, (placeOf(plan, dense.storage) + dense.offset) / 4);
  }

  private read(plan: LoadedPlan, id: ValueId, inputs: readonly HostTensor[]): HostTensor {
    const input = this.original.inputs.indexOf(id);
    if (input >= 0) return inputs[input];
    const { nhwc, dense } = this.kept.get(id) ?? {};
    const { shape } = this.original.values[id];
    if (nhwc) return { dtype: "float32", shape, data: readNhwc(this.model.floats, placeOf(plan, nhwc.storage), nhwc) };
    invariant(dense, `value ${id} was not kept`);
    return this.readDense(plan, dense);
  }

  private readDense(plan: LoadedPlan, view: Dense): HostTensor {
    const data = readDense(this.model.floats, placeOf(plan, view.storage), view);
    return { dtype: "float32", shape: view.shape, data };
  }
}

const inFloats = (): number => 4;

function keptValues({ kept, lowering }: Program): Map<ValueId, KeptValue> {
  return new Map([...kept].map((id) => [id, lowering.peek(id)]));
}

const placeOf = ({ workspace }: LoadedPlan, { room, address }: Storage): number =>
  room === "workspace" ? workspace + address : address;
