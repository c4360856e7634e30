/** The networks of a model, one or several as an ensemble: joined outputs, augmentation, memory. */

import { DisposedError, OptionError, UnsupportedError } from "../errors.js";
import type { CandidateOutputs } from "../runtime/backend.js";
import type { HostTensor } from "../tensor/index.js";
import type { ModelInfo } from "./checkpoint/modelInfo.js";
import { assertSameClasses } from "./checkpoint/names.js";
import { augmentInputs, concatenatePredictions, mergeAugmented } from "./input/augment.js";
import type { NetworkInput } from "./input/preprocess.js";
import type { InputShape, Network, NetworkMemory } from "./network.js";
import type { ResolvedOptions } from "./options.js";
import { allRows, joinMembers } from "./output/nms/rows.js";

/** One network and its file's facts. */
export interface Member {
  readonly network: Network;
  readonly info: ModelInfo;
}

export class Ensemble {
  readonly members: readonly Member[];
  /** The first member's facts, with the largest stride of all. */
  readonly info: ModelInfo;
  private disposed = false;

  /**
   * @throws OptionError if the members' classes differ; UnsupportedError if there are several and not all are
   * detection models.
   */
  constructor(members: readonly Member[]) {
    const [first] = members;
    if (!first) throw new OptionError("a model needs at least one checkpoint");
    if (members.length > 1) {
      assertSameClasses(members.map(({ info }) => ({ name: info.path, names: info.names })));
      const odd = members.find(({ info }) => info.task !== "detect");
      if (odd)
        throw new UnsupportedError(
          `ensemble: ${odd.info.path} is a ${odd.info.task} model; only detection models can be combined`,
        );
      const free = members.find(({ info }) => info.family === "ultralytics" || info.onlyImgsz);
      if (free)
        throw new UnsupportedError(
          `ensemble: ${free.info.path} ${free.info.onlyImgsz ? "decodes its head itself" : "is a network without anchors"}; only YOLOv5 models with anchors can be combined, so load it alone`,
        );
    }
    this.members = members;
    const stride = Math.max(...members.map(({ info }) => info.stride));
    this.info = members.length === 1 ? first.info : { ...first.info, stride };
  }

  /** @throws DisposedError. */
  check(): void {
    if (this.disposed) throw new DisposedError("the model");
  }

  /** As `Model.forward`. */
  async forward(input: HostTensor): Promise<HostTensor[]> {
    this.check();
    return this.onMembers((network) => network.forward(input));
  }

  /** Whether pictures may be given in place of a tensor, and should be. */
  get fitsPictures(): boolean {
    return this.members.every(({ network }) => network.backend.capabilities.fitsPictures);
  }

  private async onMembers(run: (network: Network) => Promise<HostTensor[]>): Promise<HostTensor[]> {
    const outputs: HostTensor[][] = [];
    for (const { network } of this.members) outputs.push(await run(network));
    return outputs.length === 1 ? outputs[0] : [concatenatePredictions(outputs.map(([prediction]) => prediction))];
  }

  /** `forward` for such a batch, with optional test-time augmentation. */
  async infer(input: NetworkInput, { augment }: Pick<ResolvedOptions, "augment">): Promise<HostTensor[]> {
    this.check();
    const { endToEnd, onlyImgsz } = this.info;
    if (augment && (endToEnd || onlyImgsz)) {
      throw new OptionError(
        `augment: ${this.info.path} ${endToEnd ? "has an end-to-end head, which selects boxes itself" : "runs at one size"}, so test-time augmentation is not possible; leave out augment`,
      );
    }
    const { pictures, shape, inputs } = input;
    if (pictures) return this.onMembers((network) => network.forwardPictures(pictures, [shape[2], shape[3]]));
    const [tensor] = inputs;
    return augment && this.info.task === "detect" ? [await this.forwardAugmented(tensor)] : this.forward(tensor);
  }

  /**
   * Like `infer`, for detection and segmentation models and suppression at a confidence of at least `conf`: only the
   * rows that can become boxes, or all rows if the backend cannot select them.
   */
  async inferRows(input: NetworkInput, options: { conf?: number; augment?: boolean } = {}): Promise<CandidateOutputs> {
    this.check();
    const { conf = 0.25, augment = false } = options;
    // Augmentation merges complete predictions.
    if (augment && this.info.task === "detect") return allRows(await this.infer(input, { augment }));
    const outputs: CandidateOutputs[] = [];
    for (const { network } of this.members) outputs.push(await network.rows(input, conf));
    return outputs.length === 1 ? outputs[0] : joinMembers(outputs);
  }

  /**
   * `forward` with test-time augmentation: each member of a detection model sees the picture three times.
   * @returns [N, rows, 5 + classes], of heads without anchors [N, rows, 4 + classes], in the pixels of `input`.
   */
  private async forwardAugmented(input: HostTensor): Promise<HostTensor> {
    const merged: HostTensor[] = [];
    for (const { network, info } of this.members) {
      const predictions: HostTensor[] = [];
      // The scaled inputs are multiples of the model's own largest stride, which may be less than 32.
      const stride = Math.max(...info.strides);
      for (const { tensor } of augmentInputs(input, stride)) predictions.push((await network.forward(tensor))[0]);
      merged.push(mergeAugmented(predictions, input.shape[3], info.strides.length));
    }
    return merged.length === 1 ? merged[0] : concatenatePredictions(merged);
  }

  /** Compiles every member for an input shape, so that a device can refuse it before the input is created. */
  async compile(shape: InputShape): Promise<void> {
    for (const { network } of this.members) await network.with(shape, async () => undefined);
  }

  /** Device memory for one input shape and for all compiled shapes, all members together. */
  async memory(shape: InputShape): Promise<NetworkMemory> {
    const all: NetworkMemory[] = [];
    for (const { network } of this.members) all.push(await network.memory(shape));
    const sum = (key: keyof NetworkMemory): number => all.reduce((total, use) => total + use[key], 0);
    return {
      weightBytes: sum("weightBytes"),
      activationBytes: sum("activationBytes"),
      stagingBytes: sum("stagingBytes"),
      liveSetBytes: sum("liveSetBytes"),
      sharedBytes: sum("sharedBytes"),
      shapeBytes: sum("shapeBytes"),
      shapes: Math.max(...all.map(({ shapes }) => shapes)),
      totalBytes: sum("totalBytes"),
    };
  }

  dispose(): void {
    this.disposed = true;
    for (const { network } of this.members) network.dispose();
  }
}
