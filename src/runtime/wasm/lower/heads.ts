/** Detection heads: one step a level, each writing its rows of the prediction. */

import { type DetectAnchorFreeVariant, detectAnchorFreeKernel, detectKernel } from "../../../kernels/wasm/index.js";
import { anchorFreeColumns, mapsOfLevel, type NodeOf } from "../../../ops/index.js";
import { channelCount } from "../../channels.js";
import type { Nhwc } from "./layout.js";
import type { Lowering } from "./lowering.js";
import { emitListed, emitScores } from "./sparseHead.js";
import type { Address } from "./storages.js";

const at = ({ storage, offset }: Nhwc): Address => ({ storage, offset });

export function lowerDetect(lowering: Lowering, node: NodeOf<"detect">): void {
  const { anchors, strides, outputs, maskCoefficients } = node.attrs;
  const [, rows] = lowering.shape(node.outputs[0]);
  const views = node.inputs.map((id) => lowering.compact(id));
  const out = lowering.outputDense(node.outputs[0]);
  const scored = emitScores(lowering, node);
  const whole: number[] = [];
  let first = 0;
  views.forEach((view, level) => {
    whole.push(lowering.steps.length);
    const na = anchors[level].length / 2;
    const table = lowering.constant(`anchors ${anchors[level]}`, [], na * 2, (target) => target.set(anchors[level]));
    lowering.step(
      detectKernel(),
      {
        x: { storage: view.storage, offset: view.offset },
        xPixel: view.pixelBytes,
        height: view.h,
        width: view.w,
        anchors: channelCount(view.segments) / outputs,
        anchorTable: table,
        outputs,
        raw: maskCoefficients,
        out: { storage: out.storage, offset: out.offset },
        imageBytes: rows * outputs * 4,
        levelBytes: first * outputs * 4,
        stride: { float: strides[level] },
        places: 0,
        count: 0,
      },
      view.n * view.h,
    );
    first += na * view.h * view.w;
  });
  if (scored) lowering.sparseHead = emitListed(lowering, node, scored, whole);
}

export function lowerDetectAnchorFree(lowering: Lowering, node: NodeOf<"detectAnchorFree">): void {
  const { strides, bins, classes, extras, keypointSize, corners } = node.attrs;
  const [, rows] = lowering.shape(node.outputs[0]);
  const maps = node.inputs.map((id) => lowering.compact(id));
  const out = lowering.outputDense(node.outputs[0]);
  const columns = anchorFreeColumns(node.attrs);
  const binTable =
    bins.length > 0
      ? lowering.constant(`bins ${bins}`, [], bins.length, (target) => target.set(bins))
      : lowering.zeroPage(4);
  const perLevel = mapsOfLevel(node.attrs);
  const points = keypointSize === 2 || keypointSize === 3 ? keypointSize : "plain";
  const variant: DetectAnchorFreeVariant = {
    bins: bins.length === 0 ? "none" : bins.length % 4 === 0 ? "fours" : "some",
    corners,
    extras: extras === 0 ? "none" : points,
  };
  let first = 0;
  for (const [level, stride] of strides.entries()) {
    const [boxes, scores, others = scores] = maps.slice(level * perLevel, (level + 1) * perLevel);
    const { n, h, w } = boxes;
    lowering.step(
      detectAnchorFreeKernel(variant),
      {
        boxes: at(boxes),
        boxPixel: boxes.pixelBytes,
        scores: at(scores),
        scorePixel: scores.pixelBytes,
        extras: at(others),
        extraPixel: others.pixelBytes,
        height: h,
        width: w,
        bins: bins.length,
        binTable,
        classes,
        columns,
        out: { storage: out.storage, offset: out.offset },
        imageBytes: rows * columns * 4,
        levelBytes: first * columns * 4,
        stride: { float: stride },
      },
      n * h,
    );
    first += h * w;
  }
}
