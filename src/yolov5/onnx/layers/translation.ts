/** The network of an ONNX graph, step by step: modules that read pictures, and views of them for operators that only move numbers. */

import { invariant } from "../../../errors.js";
import { refuse } from "../../../onnx/evaluate/index.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { ModuleNode } from "../../../weights/types.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import { channelwise, convOf, moduleOf } from "./modules.js";
import {
  blocksOf,
  channelsOfPicture,
  depthToSpaceBlock,
  isWhole,
  type Picture,
  type PictureId,
  type View,
  viewOf,
  wholePicture,
} from "./views.js";

/** One module and the pictures that it reads. */
export interface Step {
  module: ModuleNode;
  readonly from: readonly PictureId[];
  /** The ONNX node that it comes from. */
  readonly node: string;
  readonly shape: Picture["shape"];
}

/** Channels in arbitrary order are picked by a 1×1 convolution with ones, of at most this many weights. */
const MAX_PICK_WEIGHTS = 2 ** 22;

export class Translation {
  readonly steps: Step[] = [];
  private readonly views = new Map<string, View>();
  private readonly slices = new Map<string, Picture>();
  /** Steps that pick channels in arbitrary order. */
  readonly picks = new Map<PictureId, readonly number[]>();

  /** The graph itself divides its pictures by 255, which have been divided here already. */
  dividesPictures = false;

  constructor(readonly graph: FoldedGraph) {
    const input = { id: -1, shape: graph.inputShape };
    this.views.set(graph.input.name, wholePicture(input));
  }

  /** Counts weights that are computed and not in the file. @throws CheckpointError beyond the file's budget. */
  charge(bytes: number): void {
    this.graph.budget.charge(bytes, "the weights that its graph computes");
  }

  /** Where a value lies. */
  view(name: string): View {
    const found = this.views.get(name);
    invariant(found, `the value ${name} was not translated`);
    return found;
  }

  set(name: string, view: View): void {
    this.views.set(name, view);
  }

  /** Adds a module; its output is the picture returned. */
  add(node: OnnxNode, module: ModuleNode, from: readonly Picture[], shape: Picture["shape"]): Picture {
    this.steps.push({ module, from: from.map(({ id }) => id), node: node.name, shape });
    return { id: this.steps.length - 1, shape };
  }

  /** Adds a module whose output is the node's value, a picture. */
  give(node: OnnxNode, module: ModuleNode, from: readonly Picture[]): void {
    this.set(node.outputs[0], wholePicture(this.add(node, module, from, this.pictureShape(node))));
  }

  /** The shape of a node's first output. @throws UnsupportedError unless it is [N, C, H, W] with the batch of the input. */
  pictureShape(node: OnnxNode): Picture["shape"] {
    const shape = this.graph.shapeOf(node.outputs[0]) ?? refuse(node, "the shape of its output is not known");
    const [n, c, h, w] = shape;
    if (shape.length !== 4 || n !== this.graph.inputShape[0] || c * h * w === 0) {
      refuse(node, `its output is ${shape.join("×")}, which is not a batch of feature maps`);
    }
    return [n, c, h, w];
  }

  /** A module applied number by number: the same view of its output, or the picture of what is viewed. */
  giveElementwise(node: OnnxNode, module: (channels: number) => ModuleNode, view: View): void {
    const whole = isWhole(view) ? view : wholePicture(this.picture(node, view));
    const { picture } = whole;
    const output = this.add(node, module(picture.shape[1]), [picture], picture.shape);
    this.set(node.outputs[0], viewOf(whole, output));
  }

  /** The value of a view [N, C, H, W] as a separate picture. @throws UnsupportedError for moves of pixels that no module performs. */
  picture(node: OnnxNode, view: View): Picture {
    const channels = channelsOfPicture(view);
    if (channels) return this.channels(node, view.picture, channels);
    const [n, c, h, w] = view.picture.shape;
    const block = depthToSpaceBlock(view);
    if (block !== undefined) {
      const expand = moduleOf("yolov5_ts.Expand", { attributes: { gain: block } });
      return this.add(node, expand, [view.picture], [n, c / block ** 2, h * block, w * block]);
    }
    return (
      this.spaceToDepth(node, [view]) ?? refuse(node, "it reads numbers in an order that no module of YOLO produces")
    );
  }

  /** Blocks of pixels side by side as channels, where views of one picture are joined to all of them. */
  spaceToDepth(node: OnnxNode, views: readonly View[]): Picture | undefined {
    const [{ picture }] = views;
    const [n, c, h, w] = picture.shape;
    const parts = views.map((view) => (view.picture.id === picture.id ? blocksOf(view) : undefined));
    const block = parts[0]?.block ?? 0;
    const places = parts.flatMap((part) => (part && part.block === block ? part.places : []));
    if (block === 0 || places.length !== c * block * block) return undefined;
    const order = (["contract", "focus"] as const).find((name) =>
      places.every(([row, column, channel], i) => {
        const at = Math.floor(i / c);
        const [major, minor] = [Math.floor(at / block), at % block];
        return (
          channel === i % c &&
          (name === "contract" ? row === major && column === minor : row === minor && column === major)
        );
      }),
    );
    if (order === undefined || (order === "focus" && block !== 2)) return undefined;
    const module = moduleOf("yolov5_ts.SpaceToDepth", { attributes: { block, order } });
    return this.add(node, module, [picture], [n, c * block * block, h / block, w / block]);
  }

  /** Some channels of a picture, in a given order. */
  channels(node: OnnxNode, picture: Picture, channels: readonly number[]): Picture {
    const [n, c, h, w] = picture.shape;
    const [start] = channels;
    const run = channels.every((channel, i) => channel === start + i);
    if (run && channels.length === c) return picture;
    const key = `${picture.id} ${run ? `${start}+${channels.length}` : channels.join()}`;
    let made = this.slices.get(key);
    if (!made) {
      const module = run
        ? moduleOf("yolov5_ts.ChannelSlice", { attributes: { start, end: start + channels.length } })
        : pickChannels(node, channels, c, this);
      made = this.add(node, module, [picture], [n, channels.length, h, w]);
      this.slices.set(key, made);
      if (!run) this.picks.set(made.id, channels);
    }
    return made;
  }

  /** Adds a constant to the layer that gives a value, if it has none and nothing else reads the value. */
  addBias(node: OnnxNode, name: string, number: (channel: number) => number): boolean {
    const view = this.view(name);
    const step = this.steps[view.picture.id];
    const fits = step && ["Conv2d", "Linear"].includes(step.module.type) && !step.module.parameters.has("bias");
    const alone = this.graph.maker(name)?.name === step?.node && this.graph.readersOf(name).length === 1;
    if (!fits || !alone || !isWhole(view)) return false;
    this.charge(4 * view.picture.shape[1]);
    const data = Float32Array.from({ length: view.picture.shape[1] }, (_, channel) => number(channel));
    const bias = { dtype: "float32" as const, shape: [data.length], data };
    step.module = { ...step.module, parameters: new Map([...step.module.parameters, ["bias", bias]]) };
    this.set(node.outputs[0], view);
    return true;
  }

  /** Every channel times a number, plus a number. */
  giveAffine(
    node: OnnxNode,
    view: View,
    weight: (channel: number) => number,
    bias?: (channel: number) => number,
  ): void {
    const vector = (count: number, at: (channel: number) => number): Float32Array => {
      this.charge(4 * count);
      return Float32Array.from({ length: count }, (_, channel) => at(channel));
    };
    this.giveElementwise(node, (count) => channelwise(vector(count, weight), bias && vector(count, bias)), view);
  }
}

/** A 1×1 convolution with a single 1 per row: exact, whatever the order. */
function pickChannels(node: OnnxNode, channels: readonly number[], of: number, t: Translation): ModuleNode {
  if (channels.length * of > MAX_PICK_WEIGHTS) refuse(node, `it reorders ${of} channels, more than any YOLO does`);
  t.charge(4 * channels.length * of);
  const data = new Float32Array(channels.length * of);
  for (const [row, channel] of channels.entries()) data[row * of + channel] = 1;
  const weight = { dtype: "float32" as const, shape: [channels.length, of, 1, 1], data };
  return convOf(weight, undefined, { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 });
}
