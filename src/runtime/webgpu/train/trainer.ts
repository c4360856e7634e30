/** Trains on WebGPU: one step is compiled once, for one input shape, and replayed; weights are changed in place by the caller. */

import { DeviceLostError, DisposedError } from "../../../errors.js";
import { copyConstants, type TrainingGraph, turnTransposed, withinBudget } from "../../../ops/gradients/index.js";
import { parametersOf, type Trainer, type TrainingOptions } from "../../trainer.js";
import { usualKernels } from "../choose/convKernels.js";
import { DevicePlan, type Services, uploadedBytes } from "../device/bindings.js";
import { ConstantCache, type Upload } from "../device/constantCache.js";
import { DeviceContext, type DeviceOptions } from "../device/deviceContext.js";
import { PipelineCache } from "../device/pipelineCache.js";
import type { Constant, DenseTensor } from "../lower/plan.js";
import { Pass } from "./pass.js";
import { createTrainingPlan, type TrainingPlan } from "./program.js";

export interface WebGpuTrainerOptions extends DeviceOptions, TrainingOptions {
  /** Name in `CONV_KERNELS`, as for the backend. */
  readonly convKernel?: string | undefined;
}

/**
 * Compiles a training step on a device of its own. The graph's weights are copied; `parameters` of the result are those copies.
 * @throws DeviceError if there is no adapter or device; UnsupportedError for an op without kernel; LimitError beyond
 *   `options.bytes`, or for a tensor that the adapter cannot bind.
 */
export async function createWebGpuTrainer(given: TrainingGraph, options: WebGpuTrainerOptions): Promise<Trainer> {
  const own = copyConstants(options.bytes === undefined ? given : withinBudget(given, options.bytes));
  const { graph, turned } = turnTransposed(own);
  const context = await DeviceContext.create(options);
  try {
    const services = { context, pipelines: new PipelineCache(context), constants: new ConstantCache(context) };
    const plan = createTrainingPlan(graph, usualKernels(context, options.convKernel), options.extra);
    const onDevice = await DevicePlan.create({ ...plan, inputs: [], outputs: [], kept: new Map() }, services);
    const trained = new Set<object>(own.parameters.map(({ value }) => own.constants.get(value) as object));
    for (const { of, tensor } of turned) if (trained.has(of)) trained.add(tensor);
    const refresh = (): void => {
      for (const each of turned) each.refresh();
    };
    return new WebGpuTrainer(own, plan, onDevice, services, changingUploads(plan, trained, services), refresh);
  } catch (error) {
    context.dispose();
    throw error;
  }
}

/** Uploads that are made of trained weights, with what makes them. */
function changingUploads(
  { steps }: TrainingPlan,
  trained: ReadonlySet<object>,
  { constants }: Services,
): ReadonlyMap<Upload, Constant> {
  const found = new Map<Upload, Constant>();
  for (const operand of steps.flatMap(({ operands }) => operands)) {
    if (operand.kind !== "constant" || !operand.sources.some((source) => trained.has(source))) continue;
    const upload = constants.acquire(operand);
    if (found.has(upload)) constants.release(upload);
    else found.set(upload, operand);
  }
  return found;
}

class WebGpuTrainer implements Trainer {
  readonly parameters: Trainer["parameters"];
  private readonly forwards: Pass;
  private readonly backwards: Pass;
  private disposed = false;

  constructor(
    graph: TrainingGraph,
    plan: TrainingPlan,
    private readonly onDevice: DevicePlan,
    private readonly services: Services,
    private readonly changing: ReadonlyMap<Upload, Constant>,
    /** Computes anew what is made of weights on the host. */
    private readonly refresh: () => void,
  ) {
    this.parameters = parametersOf(graph);
    const { context } = services;
    const pass = (first: number, end: number, inputs: readonly DenseTensor[], outputs: readonly DenseTensor[]): Pass =>
      new Pass(context, onDevice, onDevice.dispatches.slice(first, end), inputs, outputs);
    this.forwards = pass(0, plan.forward, plan.inputs, plan.results);
    this.backwards = pass(plan.forward, plan.steps.length, plan.seeds, plan.gradients);
  }

  get bytes(): number {
    const { activationBytes, paramsBytes } = this.onDevice;
    return activationBytes + paramsBytes + uploadedBytes([this.onDevice]) + this.forwards.bytes + this.backwards.bytes;
  }

  async forward(inputs: readonly Float32Array[]): Promise<readonly Float32Array[]> {
    return this.run(this.forwards, inputs);
  }

  async backward(seeds: readonly Float32Array[]): Promise<readonly Float32Array[]> {
    return this.run(this.backwards, seeds);
  }

  async update(): Promise<void> {
    this.check();
    this.refresh();
    const { queue } = this.services.context.device;
    for (const [{ buffer }, constant] of this.changing) queue.writeBuffer(buffer, 0, constant.build());
  }

  /** A pass on its way rejects. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    // All buffers go with the device.
    this.services.context.dispose();
  }

  private async run(pass: Pass, given: readonly Float32Array[]): Promise<readonly Float32Array[]> {
    try {
      this.check();
      return await pass.run(given);
    } catch (error) {
      // The weights on the host are whole, but what both passes share has gone with the device.
      if (!(error instanceof DeviceLostError)) throw error;
      throw new DeviceLostError("webgpu: the device was lost while training; start again", error.details);
    }
  }

  private check(): void {
    if (this.disposed) throw new DisposedError("the trainer");
    this.services.context.check();
  }
}
