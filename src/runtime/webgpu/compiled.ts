/** A graph on one device: its plan, buffers and bind groups, and the staging buffers that results come back through. */

import type { ValueId } from "../../ops/index.js";
import type { DevicePlan, Services } from "./bindings.js";
import { PictureLoader } from "./pictureLoader.js";
import type { Plan, Tensor } from "./plan.js";
import { StagingRing } from "./staging.js";

export class Compiled {
  readonly plan: Plan;
  readonly onDevice: DevicePlan;
  readonly services: Services;
  readonly staging: StagingRing;
  /** Where each output starts in a staging buffer. */
  readonly stagingOffsets: readonly number[];

  private pictures: PictureLoader | undefined;

  constructor(plan: Plan, onDevice: DevicePlan, services: Services) {
    this.plan = plan;
    this.onDevice = onDevice;
    this.services = services;
    let end = 0;
    this.stagingOffsets = plan.outputs.map((output) => {
      const offset = end;
      end += onDevice.range(output).size;
      return offset;
    });
    this.staging = new StagingRing(services.context, end);
  }

  /** Puts pictures into the first input, which has this shape. */
  loader(shape: readonly number[]): PictureLoader {
    this.pictures ??= new PictureLoader(this.services, { ...this.onDevice.range(this.plan.inputs[0]), shape });
    return this.pictures;
  }

  /** Of results, and of pictures on their way in. */
  get stagingBytes(): number {
    return this.staging.bytes + (this.pictures?.bytes ?? 0);
  }

  /** Whether `tap` can read the value after a run. */
  keeps(id: ValueId): boolean {
    return this.plan.kept.has(id);
  }

  kept(id: ValueId): Tensor {
    const tensor = this.plan.kept.get(id);
    if (!tensor) throw new Error(`internal error: value ${id} was not kept`);
    return tensor;
  }

  dispose(): void {
    this.onDevice.dispose();
    this.staging.dispose();
    this.pictures?.dispose();
  }
}
