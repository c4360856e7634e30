/** What evaluation needs from a model; implemented by `Model` in src/yolov5. */

import type { CandidateOutputs } from "../runtime/backend.js";
import type { HostTensor } from "../tensor/index.js";
import type { ModelInfo } from "../yolov5/checkpoint/modelInfo.js";
import type { NetworkInput } from "../yolov5/input/preprocess.js";

/** What `evaluate` needs from a model. */
export interface EvaluationModel {
  readonly info: Pick<ModelInfo, "task" | "names" | "classes" | "stride" | "maskCoefficients"> &
    Partial<Pick<ModelInfo, "defaultImgsz" | "onlyImgsz" | "path" | "family" | "endToEnd" | "keypoints">>;
  /** `inferRows` may receive pictures in place of a tensor, and is faster with them. */
  readonly fitsPictures?: boolean;
  /** [N, 3, H, W] float32, RGB, 0 to 1 → raw outputs. */
  forward(input: HostTensor): Promise<HostTensor[]>;
  /** Rows of a detection or segmentation model for NMS at `conf`, and its other outputs. */
  inferRows(
    input: NetworkInput,
    options: { readonly conf: number; readonly augment: boolean },
  ): Promise<CandidateOutputs>;
}
