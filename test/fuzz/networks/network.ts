/** Small random networks: valid module trees with random layers, wiring and head. */

import { tensor } from "../../../src/tensor/index.js";
import type { ModuleNode, PlainValue } from "../../../src/weights/types.js";
import { modelOf, moduleOf } from "../../yolov5/trees.js";
import type { Draw } from "../draw.js";
import { BLOCKS } from "./blocks.js";
import { LayerMaker, type Made, type Shape } from "./layers.js";
import { anchorFreeHead } from "./newer.js";

export interface RandomNetwork {
  readonly root: ModuleNode;
  /** [N, 3, H, W] */
  readonly input: readonly [number, number, number, number];
  /** Weights far from what training gives. */
  readonly extreme: boolean;
}

/** Elements of one value, so that the reference takes milliseconds. */
const MOST_ELEMENTS = 40_000;

/** A layer with what it reads, as YOLOv5 stores it. */
interface Layer extends Made {
  readonly from: readonly number[];
}

export function randomNetwork(draw: Draw): RandomNetwork {
  const maker = new LayerMaker(draw, draw.chance(0.15));
  const side = (): number =>
    draw.weighted([
      [3, 8 * draw.between(1, 5)],
      [1, draw.between(1, 40)],
    ]);
  const [h, w] = [side(), side()];
  const picture: Shape = { c: 3, h, w };
  const layers: Layer[] = [];
  const shapeOf = (index: number): Shape => (index < 0 ? picture : layers[index].shape);
  const wanted = draw.between(1, 10);
  for (let tries = 0; layers.length < wanted && tries < 60; tries++) {
    const last = layers.length - 1;
    const layer = (draw.chance(0.25) && join(draw, maker, layers)) || over(draw, maker, shapeOf, last);
    if (
      layer &&
      layer.shape.c * layer.shape.h * layer.shape.w <= MOST_ELEMENTS &&
      layer.shape.h > 0 &&
      layer.shape.w > 0
    ) {
      layers.push(layer);
    }
  }
  if (layers.length === 0) layers.push({ ...maker.conv(picture, 4, 3), from: [-1] });
  layers.push(headOver(draw, maker, layers));
  const modules = layers.map(({ module, from }, i) => withSources(module, from, i));
  return { root: modelOf(modules), input: [draw.pick([1, 1, 1, 2, 3]), 3, h, w], extreme: maker.extreme };
}

/** A block over the last layer, now and then over an earlier one. */
function over(draw: Draw, maker: LayerMaker, shapeOf: (index: number) => Shape, last: number): Layer | undefined {
  const from = draw.chance(0.85) ? last : draw.between(-1, last);
  const made = draw.weighted(BLOCKS)(maker, shapeOf(from));
  return made && { ...made, from: [from] };
}

/** A concat or a sum of layers that fit. */
function join(draw: Draw, maker: LayerMaker, layers: readonly Layer[]): Layer | undefined {
  if (layers.length === 0) return undefined;
  const first = draw.pick(layers).shape;
  const alike = layers.flatMap(({ shape }, i) => (shape.h === first.h && shape.w === first.w ? [i] : []));
  if (draw.chance(0.7)) {
    const from = draw.several(1, 4, () => draw.pick(alike));
    const c = from.reduce((sum, i) => sum + layers[i].shape.c, 0);
    return { module: moduleOf("models.common.Concat", { d: 1 }), shape: { ...first, c }, from };
  }
  const same = alike.filter((i) => layers[i].shape.c === first.c);
  const from = draw.several(2, 3, () => draw.pick(same));
  const weight = draw.chance(0.5);
  const parameters = weight ? { w: maker.weight([from.length - 1], 1) } : {};
  return { module: moduleOf("models.common.Sum", { weight }, { parameters }), shape: first, from };
}

function headOver(draw: Draw, maker: LayerMaker, layers: readonly Layer[]): Layer {
  const from = draw.several(1, 3, () => draw.below(layers.length));
  if (draw.chance(0.3)) return classifier(draw, maker, layers, layers.length - 1);
  if (draw.chance(0.4)) {
    const shapes = from.map((i) => layers[i].shape);
    const module = anchorFreeHead(maker, shapes, (coefficients) => proto(draw, maker, shapes[0], coefficients));
    return { module, shape: { c: 1, h: 1, w: 1 }, from };
  }
  const classes = draw.between(1, 9);
  const anchors = draw.between(1, 4);
  const coefficients = draw.chance(0.3) ? draw.between(1, 33) : 0;
  const outputs = 5 + classes + coefficients;
  const maps = from.map((i) => maker.conv2d(layers[i].shape, anchors * outputs, 1).module);
  const m = maker.sequence(maps, "torch.nn.modules.container.ModuleList");
  const sizes = Float32Array.from({ length: from.length * anchors * 2 }, () => 0.5 + 4 * draw.unit());
  const buffers = { anchors: tensor("float32", [from.length, anchors, 2], sizes) };
  const stride = from.map(() => draw.pick([1, 2, 4, 8, 8, 16, 32]));
  const children: Record<string, ModuleNode> = { m };
  if (coefficients > 0) children.proto = proto(draw, maker, layers[from[0]].shape, coefficients);
  const type = coefficients > 0 ? "Segment" : "Detect";
  const attributes: Record<string, PlainValue> = { stride, nc: classes, ...(coefficients > 0 && { nm: coefficients }) };
  const module = moduleOf(`models.yolo.${type}`, attributes, { buffers, children });
  return { module, shape: { c: outputs, h: 1, w: 1 }, from };
}

function proto(draw: Draw, maker: LayerMaker, x: Shape, coefficients: number): ModuleNode {
  const width = maker.width();
  const cv1 = maker.conv(x, width, 3);
  const scale = draw.pick([1, 2]);
  const upsample = moduleOf("torch.nn.modules.upsampling.Upsample", { scale_factor: scale, mode: "nearest" });
  const cv2 = maker.conv({ c: width, h: cv1.shape.h * scale, w: cv1.shape.w * scale }, width, 3);
  const cv3 = maker.conv(cv2.shape, coefficients, 1);
  return maker.block("Proto", { cv1: cv1.module, upsample, cv2: cv2.module, cv3: cv3.module });
}

function classifier(draw: Draw, maker: LayerMaker, layers: readonly Layer[], last: number): Layer {
  const { shape } = layers[last];
  const classes = draw.pick([1, 2, 3, 4, 5, 10, 100]);
  const conv = maker.conv(shape, maker.width(), draw.pick([1, 3]));
  const children = {
    conv: conv.module,
    pool: moduleOf("torch.nn.modules.pooling.AdaptiveAvgPool2d", { output_size: 1 }),
    linear: maker.linear(conv.shape.c, classes),
  };
  return { module: maker.block("Classify", children), shape: { c: classes, h: 1, w: 1 }, from: [last] };
}

/** The module with its `f`, relative or absolute as YOLOv5 writes them. */
function withSources(module: ModuleNode, from: readonly number[], index: number): ModuleNode {
  const sources = from.map((i) => (i === index - 1 ? -1 : i < 0 ? i - index : i));
  const f: PlainValue = sources.length === 1 ? sources[0] : sources;
  return { ...module, attributes: new Map<string, PlainValue>([...module.attributes, ["f", f], ["i", index]]) };
}
