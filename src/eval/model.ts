/** What evaluation needs of a model; `Model` of src/yolov5 has it, on whatever backend. */

import type { HostTensor } from "../tensor/index.js";
import type { ModelInfo } from "../yolov5/modelInfo.js";

export interface EvaluationModel {
  readonly info: Pick<ModelInfo, "task" | "names" | "classes" | "stride" | "maskCoefficients">;
  /** [N, 3, H, W] float32, RGB, 0 to 1 → raw outputs. */
  forward(input: HostTensor): Promise<HostTensor[]>;
  forwardAugmented(input: HostTensor): Promise<HostTensor>;
}
