/** Checkpoints of other model families, and of forks. */

import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { openCheckpoint } from "../../src/weights/index.js";
import { resolveModule } from "../../src/yolov5/checkpoint/modelInfo.js";
import { refuseForeignModel } from "../../src/yolov5/checkpoint/refuse.js";
import { checkpoint, int, moduleOps, tensorOps, text } from "./support.js";

describe("models of other families", () => {
  const weight = (shape: readonly number[]): string =>
    tensorOps(
      "0",
      4096,
      0,
      shape,
      [...shape.slice(1), 1].map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1)),
    );
  const detect = (
    className: string,
    channels: number,
    attributes: Readonly<Record<string, string>>,
    more = {},
  ): string => {
    const conv = moduleOps("torch.nn.modules.conv.Conv2d", {}, { weight: weight([channels, 4, 1, 1]) });
    const head = moduleOps(
      className,
      { m: moduleOps("torch.nn.modules.container.ModuleList", { 0: conv }), ...more },
      {},
      attributes,
    );
    return moduleOps("models.yolo.Model", { model: moduleOps("torch.nn.modules.container.Sequential", { 0: head }) });
  };
  const file = (model: string): Uint8Array =>
    checkpoint(`}(${text("model")}${model}u.`, { 0: new Uint8Array(4096 * 4) });
  const refusal = (model: string): string => {
    try {
      refuseForeignModel(openCheckpoint(file(model)), "best.pt");
    } catch (error) {
      if (error instanceof CheckpointError) return error.message;
      throw error;
    }
    return "accepted";
  };
  const nc = (classes: number): Record<string, string> => ({ nc: int(classes), na: int(3) });

  it.each([
    ["YOLOv5", detect("models.yolo.Detect", 3 * 7, nc(2)), /^accepted$/],
    ["a segmentation head", detect("models.yolo.Segment", 3 * 39, nc(2)), /^accepted$/],
    ["YOLOv8", moduleOps("ultralytics.nn.tasks.DetectionModel"), /^accepted$/],
    ["OBB", moduleOps("ultralytics.nn.modules.head.OBB"), /^best\.pt: is an oriented-box model .*; give a checkpoint/],
    ["OBB of 26", moduleOps("ultralytics.nn.modules.head.OBB26"), /is an oriented-box model/],
    ["RT-DETR", moduleOps("ultralytics.nn.modules.head.RTDETRDecoder"), /is an RT-DETR model/],
    ["YOLO-World", moduleOps("ultralytics.nn.modules.head.WorldDetect"), /is a YOLO-World model/],
    ["YOLOE", moduleOps("ultralytics.nn.modules.head.YOLOESegment26"), /is a YOLOE model/],
    ["YOLOv10", moduleOps("ultralytics.nn.modules.head.v10Detect"), /is a YOLOv10 model/],
    ["YOLOv9 of the newer package", moduleOps("ultralytics.nn.modules.block.ADown"), /is a YOLOv9 model/],
    ["YOLO12", moduleOps("ultralytics.nn.modules.block.A2C2f"), /is a YOLO12 model/],
    ["YOLO26-seg", moduleOps("ultralytics.nn.modules.head.Segment26"), /is a YOLO26 segmentation model/],
    ["YOLO26-pose", moduleOps("ultralytics.nn.modules.head.Pose26"), /is a YOLO26 pose model/],
    ["semantic", moduleOps("ultralytics.nn.modules.head.SemanticSegment"), /semantic segmentation or depth/],
    ["YOLOv5-face", detect("models.yolo.Detect", 3 * 16, nc(1)), /face fork/],
    ["YOLOv5-obb", detect("models.yolo.Detect", 3 * 186, nc(1)), /oriented-box fork/],
    [
      "a fork with other values",
      detect("models.yolo.Detect", 3 * 9, nc(1)),
      /predicts 3 more values per box than 1 classes/,
    ],
    [
      "yolo-pose",
      detect("models.yolo.Detect", 3 * 6, nc(1), { m_kpt: moduleOps("torch.nn.modules.container.ModuleList") }),
      /pose fork/,
    ],
    ["YOLOv7", detect("models.yolo.IDetect", 3 * 6, nc(1)), /is a YOLOv7/],
    ["YOLOv9", detect("models.yolo.DualDDetect", 3 * 6, nc(1)), /is a YOLOv9/],
    ["YOLOX", moduleOps("yolox.models.yolox.YOLOX"), /is a YOLOX/],
    ["torchvision", moduleOps("torchvision.models.resnet.ResNet"), /is a torchvision model/],
  ])("%s", (_, model, expected) => {
    expect(refusal(model)).toMatch(expected);
  });

  it.each([
    ["model.105.ia.0.implicit", /YOLOv7/],
    ["module_list.205.implicit", /YOLOR/],
    ["module_list.0.Conv2d.weight", /Darknet cfg model/],
    ["backbone.backbone.dark2.0.conv.weight", /is a YOLOX model/],
    ["head.cls_preds.0.weight", /is a YOLOX model/],
    ["backbone.ERBlock_2.0.rbr_dense.conv.weight", /is a YOLOv6 model/],
    ["heads.head1.cls_pred.weight", /YOLO-NAS/],
    ["decoder.dec_bbox_head.0.layers.0.weight", /is an RT-DETR model/],
    ["transformer.decoder.layers.0.norm1.weight", /is a DETR model/],
    ["roi_heads.box_predictor.cls_score.weight", /is a torchvision detector/],
    ["bbox_head.multi_level_conv_cls.0.weight", /OpenMMLab/],
    ["layer1.0.conv1.weight", /is a torchvision classifier/],
    ["features.0.0.weight", /is a torchvision classifier/],
    ["backbone.bottom_up.stem.conv1.weight", /Detectron2/],
    ["blocks.0.patch_embed.proj.weight", /vision transformer/],
    ["model.22.m_kpt.0.weight", /pose/],
    ["bert.embeddings.word_embeddings.weight", /is a model for text or speech/],
    ["model.embed_tokens.weight", /is a model for text or speech/],
    ["decoder.token_embedding.weight", /is a model for text or speech/],
    ["model.diffusion_model.input_blocks.0.0.weight", /is a diffusion model, or a LoRA/],
    ["cond_stage_model.transformer.text_model.encoder.layers.0.lora_up.weight", /is a diffusion model, or a LoRA/],
    ["lora_unet_down_blocks_0.lora_down.weight", /is a diffusion model, or a LoRA/],
    ["base_model.model.q_proj.lora_A.weight", /is a diffusion model, or a LoRA/],
  ])("a state dict with %s", (name, expected) => {
    const opened = openCheckpoint(
      checkpoint(`}${text(name)}${weight([4, 4, 1, 1])}s.`, { 0: new Uint8Array(4096 * 4) }),
    );
    expect(() => refuseForeignModel(opened)).toThrow(expected);
  });

  it("a state dict without numbered layers, whatever it is", () => {
    const opened = openCheckpoint(
      checkpoint(`}${text("stem.1.conv.weight")}${weight([4, 4, 1, 1])}s.`, { 0: new Uint8Array(4096 * 4) }),
    );
    expect(() => resolveModule(opened, { path: "best.pt" })).toThrow(
      /^best\.pt: is a state dict of another model \(its first tensor is stem\.1\.conv\.weight\); give a checkpoint of YOLOv5/,
    );
  });

  it("accepts a state dict of YOLOv5", () => {
    const names = [
      "model.0.conv.weight",
      "model.2.cv2.conv.weight",
      "model.2.m.0.cv2.conv.weight",
      "model.24.m.0.weight",
    ];
    const items = names.map((name) => text(name) + weight([4, 4, 1, 1])).join("");
    const opened = openCheckpoint(checkpoint(`}(${items}u.`, { 0: new Uint8Array(4096 * 4) }));
    expect(() => refuseForeignModel(opened)).not.toThrow();
  });
});
