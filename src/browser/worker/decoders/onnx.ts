/** Entry of the worker that reads ONNX exports for a model's worker. */

import { openOnnx } from "../../../yolov5/onnx/index.js";
import { answerOnnx, runDecoderWorker } from "./serve.js";

runDecoderWorker(answerOnnx(async (bytes, path) => openOnnx(bytes, path)));
