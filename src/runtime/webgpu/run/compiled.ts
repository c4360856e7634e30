/** A graph on one device: its plan, buffers and bind groups, and the ways through it that runs have taken so far. */

import { invariant } from "../../../errors.js";
import type { Graph, ValueId } from "../../../ops/index.js";
import type { HostTensor } from "../../../tensor/index.js";
import { type DevicePlan, type Services, uploadedBytes } from "../device/bindings.js";
import type { Plan, Tensor } from "../lower/plan.js";
import { CandidatePath } from "./candidatePath.js";
import { PictureLoader } from "./pictureLoader.js";
import { Readback, type ReadOutput, type RunPath, readOutputs } from "./runPath.js";

export class Compiled {
  readonly plan: Plan;
  readonly onDevice: DevicePlan;
  readonly services: Services;
  /** The graph's outputs as they are; undefined before the first such run. */
  wholePath: RunPath<HostTensor[]> | undefined;
  /** Candidates of its detection head; undefined before the first such run. */
  candidatePath: CandidatePath | undefined;
  /** After the passes. */
  readonly graph: Graph;

  private pictures: PictureLoader | undefined;
  private readonly siblings: Set<DevicePlan>;

  /** @param siblings plans of the same model on the device, which share uploads: this one is among them until it is disposed of */
  constructor(graph: Graph, plan: Plan, onDevice: DevicePlan, services: Services, siblings = new Set<DevicePlan>()) {
    this.siblings = siblings.add(onDevice);
    this.graph = graph;
    this.plan = plan;
    this.onDevice = onDevice;
    this.services = services;
  }

  /** The way to the graph's outputs. */
  whole(): RunPath<HostTensor[]> {
    this.wholePath ??= wholePath(this.onDevice, this.outputs, this.services);
    return this.wholePath;
  }

  /**
   * The way to the candidates of the plan's detection head.
   * @param needed rows of a picture that there must be room for; where there is not yet, no run may be on its way
   */
  async candidates(needed = 0): Promise<CandidatePath> {
    const known = this.candidatePath;
    if (known && known.capacity >= needed) return known;
    const { onDevice, services } = this;
    const { detect } = this.plan;
    invariant(detect, "candidates of a graph without a detection head");
    const others = this.outputs.filter((_, i) => this.graph.outputs[i] !== detect.output);
    const made = await CandidatePath.create({ detect, others, onDevice, services }, needed);
    known?.dispose();
    this.candidatePath = made;
    return made;
  }

  /** Puts pictures into the first input, which has this shape. */
  loader(shape: readonly number[]): PictureLoader {
    this.pictures ??= new PictureLoader(this.services, { ...this.onDevice.range(this.plan.inputs[0]), shape });
    return this.pictures;
  }

  /** Packed weights and tables that this plan reads. */
  get weightBytes(): number {
    return uploadedBytes([this.onDevice]);
  }

  /** Those that any plan of the model reads. */
  get sharedBytes(): number {
    return uploadedBytes(this.siblings);
  }

  /** Of results, and of pictures on their way in. */
  get stagingBytes(): number {
    const results = (this.wholePath?.readback.staging.bytes ?? 0) + (this.candidatePath?.bytes ?? 0);
    return results + (this.pictures?.bytes ?? 0);
  }

  /** Where the value can be read after a run; it must be one that the plan keeps. */
  kept(id: ValueId): Tensor {
    const tensor = this.plan.kept.get(id);
    invariant(tensor, `value ${id} was not kept`);
    return tensor;
  }

  dispose(): void {
    this.siblings.delete(this.onDevice);
    this.onDevice.dispose();
    this.wholePath?.readback.staging.dispose();
    this.candidatePath?.dispose();
    this.pictures?.dispose();
  }

  private get outputs(): ReadOutput[] {
    return this.plan.outputs.map((tensor, i) => ({ tensor, shape: this.graph.values[this.graph.outputs[i]].shape }));
  }
}

function wholePath(onDevice: DevicePlan, outputs: readonly ReadOutput[], services: Services): RunPath<HostTensor[]> {
  const readback = new Readback(
    services.context,
    outputs.map(({ tensor }) => onDevice.range(tensor)),
  );
  const { dispatches } = onDevice;
  return {
    dispatches,
    readback,
    begin: () => undefined,
    read: (mapped) => readOutputs(outputs, readback.offsets, mapped),
  };
}
