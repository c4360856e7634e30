/** Networks without anchors, small and by hand: what heads pick, which defaults they imply, and what is refused. */

import { describe, expect, it } from "vitest";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { tensor } from "../../src/tensor/index.js";
import type { ModuleNode, PlainValue } from "../../src/weights/types.js";
import { Ensemble } from "../../src/yolov5/ensemble.js";
import { blockOf } from "../../src/yolov5/graph/catalogue.js";
import { augmentInputs } from "../../src/yolov5/input/augment.js";
import { createMember, randomModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { type Member, Model } from "../../src/yolov5/model.js";
import { resolveOptions } from "../../src/yolov5/options.js";
import { chosenBoxes, endToEndOutput, endToEndRows, pickBoxes } from "../../src/yolov5/output/nms/endToEnd.js";
import { randomTensor } from "../support/random.js";
import { modelOf as modelTree, moduleOf } from "./trees.js";

const NN = "torch.nn.modules";
const CLASSES = 2;

function conv(inputs: number, outputs: number, stride = 1): ModuleNode {
  const [kernel, padding] = [
    [1, 1],
    [0, 0],
  ];
  return moduleOf(
    `${NN}.conv.Conv2d`,
    { stride: [stride, stride], padding, kernel_size: kernel, dilation: [1, 1], groups: 1 },
    { parameters: { weight: randomTensor([outputs, inputs, 1, 1], 3) } },
  );
}

const list = (module: ModuleNode): ModuleNode =>
  moduleOf(`${NN}.container.ModuleList`, {}, { children: { 0: module } });

interface Head {
  readonly prefix?: string;
  readonly className?: string;
  readonly attributes?: Readonly<Record<string, PlainValue>>;
  readonly more?: Readonly<Record<string, ModuleNode>>;
}

/** One convolution of stride 8 and a head of one level that predicts distances. */
function network({ prefix = "", className = "fork.Head", attributes = {}, more = {} }: Head = {}): ModuleNode {
  const children = { [`${prefix}cv2`]: list(conv(8, 4)), [`${prefix}cv3`]: list(conv(8, CLASSES)), ...more };
  const head = moduleOf(className, attributes, { children });
  return modelTree([conv(3, 8, 8), head]);
}

function member(module: ModuleNode, path = "best.pt"): Member {
  return createMember({ module, checkpoint: { format: "safetensors", module, extra: new Map() } }, createCpuBackend(), {
    path,
  });
}

const modelWith = (members: readonly Member[]): Model<string> =>
  new Model(new LocalRunner<string>(members, createCpuBackend(), async (source) => ({ image: grey, source })));

const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(114) };

describe("a head without anchors", () => {
  it("is recognised by its parts, and sets the defaults of the newer package", () => {
    const { info } = member(network());
    expect(info).toMatchObject({
      task: "detect",
      family: "ultralytics",
      classes: CLASSES,
      endToEnd: false,
      strides: [8],
    });
    expect(resolveOptions({}, info)).toMatchObject({ iou: 0.7, maxDet: 300 });
    expect(resolveOptions({ iou: 0.45, maxDet: 1000 }, info)).toMatchObject({ iou: 0.45, maxDet: 1000 });
    expect(resolveOptions({}, { ...info, family: "yolov5" })).toMatchObject({ iou: 0.45, maxDet: 1000 });
  });

  it("is end-to-end with one2one branches, unless that is switched off", () => {
    const more = { one2one_cv2: list(conv(8, 4)), one2one_cv3: list(conv(8, CLASSES)) };
    expect(member(network({ more })).info.endToEnd).toBe(true);
    expect(member(network({ more, attributes: { end2end: false } })).info.endToEnd).toBe(false);
    expect(member(network({ prefix: "one2one_" })).info.endToEnd).toBe(true);
  });

  it.each([
    ["an angle", { attributes: { ne: 1 } }, /head fork\.Head has parts .*\(an angle per box \(ne\)\)/],
    ["a flow of keypoints", { more: { flow_model: conv(8, 4) } }, /\(flow_model\)/],
    ["other values", { more: { cv4: list(conv(8, 3)) } }, /3 values per box that are neither masks nor keypoints/],
  ])("%s is refused, whatever the head is called", (_, head, expected) => {
    expect(() => member(network(head))).toThrow(expected);
    expect(() => member(network(head))).toThrow(/^best\.pt: /);
  });

  it("prototypes with more parts than in v8 are refused as an unknown block", () => {
    const parts = { cv1: conv(8, 8), cv2: conv(8, 8), cv3: conv(8, 8), upsample: conv(8, 8) };
    expect(blockOf(moduleOf("fork.Masks", {}, { children: parts }), "model.1.proto")).toBeDefined();
    const refined = moduleOf("fork.Masks", {}, { children: { ...parts, feat_refine: conv(8, 8) } });
    expect(() => blockOf(refined, "model.1.proto")).toThrow(/fork\.Masks is not part of YOLOv5, v8, 11 or 26/);
  });
});

describe("not available for networks without anchors", () => {
  it("an ensemble", () => {
    const members = [member(network(), "a.pt"), member(network(), "b.pt")];
    expect(() => modelWith(members)).toThrow(/^ensemble: a\.pt is a network without anchors; .* load it alone$/);
  });

  it("test-time augmentation with an end-to-end head", async () => {
    const model = modelWith([member(network({ prefix: "one2one_" }))]);
    await expect(model.detect("grey.png", { augment: true, imgsz: 64 })).rejects.toThrow(
      /augment: best\.pt has an end-to-end head.*leave out augment/,
    );
  });
});

it("test-time augmentation joins the results of three sizes of the picture", async () => {
  // The rows of the coarsest level at the full size, and of the finest at the smallest, are left out.
  const { module } = randomModel("yolov8n");
  const [input] = [randomTensor([1, 3, 64, 64], 5)];
  const ensemble = new Ensemble([member(module)]);
  const [joined] = await ensemble.infer({ inputs: [input], shape: [1, 3, 64, 64] }, { augment: true });
  const [plain] = await ensemble.forward(input);
  expect(plain.shape).toEqual([1, 84, 84]);
  expect(joined.shape).toEqual([1, 80 + 84 + 20, 84]);
  expect(joined.data.slice(0, 80 * 84)).toEqual(plain.data.slice(0, 80 * 84));
  // The mirrored pass gives the boxes of a mirrored picture, from 64 × 0.83 = 53 pixels.
  const [, { tensor: mirrored }] = augmentInputs(input, 32);
  const [second] = await ensemble.forward(mirrored);
  const [x, y] = [Number(joined.data[80 * 84]), Number(joined.data[80 * 84 + 1])];
  expect([x, y]).toEqual(
    [
      64 - Math.fround(Number(second.data[0]) / Math.fround(0.83)),
      Math.fround(Number(second.data[1]) / Math.fround(0.83)),
    ].map(Math.fround),
  );
});

describe("an end-to-end head", () => {
  // x1, y1, x2, y2, two scores.
  const rows = [
    [0, 0, 1, 1, 0.2, 0.9],
    [0, 0, 2, 2, 0.5, 0.1],
    [0, 0, 3, 3, 0.9, 0.8],
  ];

  it("selects the best pairs of cell and class, and ties keep their order", () => {
    const picked = pickBoxes(Float32Array.from(rows.flat()), 6, CLASSES);
    expect(picked.map(({ row, classIndex }) => [row, classIndex])).toEqual([
      [0, 1],
      [2, 0],
      [2, 1],
    ]);
  });

  it("returns corners, score, class and extras, at most 300", () => {
    const wide = rows.map((row, i) => [...row, 100 + i]);
    const { shape, data } = endToEndOutput(tensor("float32", [1, 3, 7], Float32Array.from(wide.flat())), CLASSES);
    expect(shape).toEqual([1, 3, 7]);
    expect([...data.subarray(0, 7)]).toEqual([0, 0, 1, 1, Math.fround(0.9), 1, 100]);
    const many = tensor("float32", [1, 400, 6], new Float32Array(2400).fill(0.5));
    expect(endToEndOutput(many, CLASSES).shape).toEqual([1, 300, 6]);
  });

  it("gives the same from candidate rows as from all rows", () => {
    // Two cells pass, each with two classes: as many boxes as if the third were there.
    const data = Float32Array.from([rows[0], rows[2]].flat());
    const all = tensor("float32", [1, 3, 6], Float32Array.from(rows.flat()));
    const found = { candidates: [{ rows: Int32Array.of(0, 2), data, columns: 6, total: 3 }], others: [] };
    const [picked] = endToEndRows(found, CLASSES).candidates;
    expect(picked.data).toEqual(endToEndOutput(all, CLASSES).data);
    expect(picked).toMatchObject({ columns: 6, total: 3, rows: Int32Array.of(0, 1, 2) });
  });

  it("keeps boxes above the threshold, cut to maxDet before classes are filtered", () => {
    const output = Float32Array.from([0, 0, 1, 1, 0.9, 1, 0, 0, 3, 3, 0.8, 0, 0, 0, 4, 4, 0.25, 0]);
    const chosen = (options: { conf: number; classes?: number[]; maxDet: number }): number[] =>
      chosenBoxes(output, 6, { classes: undefined, ...options }).map(({ row }) => row);
    expect(chosen({ conf: 0.25, maxDet: 300 })).toEqual([0, 1]);
    expect(chosen({ conf: 0.1, maxDet: 300 })).toEqual([0, 1, 2]);
    expect(chosen({ conf: 0.1, maxDet: 1, classes: [0] })).toEqual([]);
  });
});
