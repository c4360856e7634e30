/** What the numbers of a prediction's rows are. */

import type { ModelInfo } from "../../checkpoint/modelInfo.js";

/** The meaning of the columns of a prediction's rows. */
export interface RowFormat {
  /** Mask coefficients at the end of each row (32 for segmentation models). Default 0. */
  readonly maskCoefficients?: number | undefined;
  /** Count of keypoint numbers at the end of each row. Default 0. */
  readonly keypointNumbers?: number | undefined;
  /** Whether an objectness comes between box and classes: true (default) for YOLOv5, false for networks without anchors. */
  readonly objectness?: boolean | undefined;
  /** Rows of an end-to-end head: corners, score, class, then the rest, without NMS. Default false. */
  readonly endToEnd?: boolean | undefined;
}

/** The format of a model's rows. */
export function rowFormat({
  maskCoefficients,
  keypoints,
  family = "yolov5",
  endToEnd = false,
}: Pick<ModelInfo, "maskCoefficients"> & {
  readonly keypoints?: ModelInfo["keypoints"] | undefined;
  readonly family?: ModelInfo["family"] | undefined;
  readonly endToEnd?: boolean | undefined;
}): RowFormat {
  const keypointNumbers = keypoints ? keypoints.count * keypoints.size : 0;
  return { maskCoefficients, keypointNumbers, objectness: family === "yolov5", endToEnd };
}
