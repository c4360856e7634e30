/** Toy data sets and a model that says what the test wants. */

import type { DetectionDataset, Sample } from "../../src/eval/dataset/types.js";
import type { EvaluateOptions, Evaluation } from "../../src/eval/evaluation.js";
import type { EvaluationModel } from "../../src/eval/model.js";
import { evaluate } from "../../src/eval/onDemand.js";
import type { RgbImage } from "../../src/image/types.js";
import type { CandidateOutputs } from "../../src/runtime/backend.js";
import type { HostTensor } from "../../src/tensor/index.js";
import type { NetworkInput } from "../../src/yolov5/input/preprocess.js";
import { allRows } from "../../src/yolov5/output/nms/rows.js";

/** Class, then x1, y1, x2, y2 in pixels of the picture. */
export type Label = readonly [classIndex: number, x1: number, y1: number, x2: number, y2: number];
/** Class, confidence, then the box. */
export type Found = readonly [classIndex: number, confidence: number, x1: number, y1: number, x2: number, y2: number];

export interface Toy {
  readonly width?: number;
  readonly height?: number;
  readonly labels: readonly Label[];
  readonly found: readonly Found[];
  readonly broken?: boolean;
}

/** Every pixel of picture `index` has this level, by which the model knows it again. */
const levelOf = (index: number): number => 10 * (index + 1);

function picture(width: number, height: number, level: number): RgbImage {
  return { width, height, data: new Uint8Array(width * height * 3).fill(level) };
}

export function toyDataset(toys: readonly Toy[]): DetectionDataset {
  const samples = toys.map(({ width = 64, height = 64, labels, broken }, index): Sample => {
    return {
      name: `toy/images/${index}.png`,
      width,
      height,
      truth: {
        classes: Int32Array.from(labels, ([c]) => c),
        boxes: Float32Array.from(
          labels.flatMap(([, x1, y1, x2, y2]) => [
            (x1 + x2) / 2 / width,
            (y1 + y2) / 2 / height,
            (x2 - x1) / width,
            (y2 - y1) / height,
          ]),
        ),
        polygons: labels.map(() => []),
      },
      load: async () => {
        if (broken) throw new Error(`toy/images/${index}.png: damaged`);
        return picture(width, height, levelOf(index));
      },
    };
  });
  return { name: "toy", samples, names: undefined, excluded: [] };
}

/** A model that gives each picture its boxes. The picture is at the centre of its input, at its own size or shrunk. */
export class ToyModel implements EvaluationModel {
  readonly info: EvaluationModel["info"];
  /** Shapes of the inputs it was given. */
  readonly inputs: (readonly number[])[] = [];
  private readonly toys: readonly Toy[];
  private readonly longest: number;

  constructor(toys: readonly Toy[], classes: number, imgsz: number) {
    this.toys = toys;
    this.longest = imgsz;
    const names = Array.from({ length: classes }, (_, i) => `name${i}`);
    this.info = { task: "detect", names, classes, stride: 32, maskCoefficients: 0 };
  }

  async forward(input: HostTensor): Promise<HostTensor[]> {
    this.inputs.push(input.shape);
    const [n, , h, w] = input.shape;
    const { classes } = this.info;
    const rows = Math.max(1, ...this.toys.map(({ found }) => found.length));
    const columns = 5 + classes;
    const data = new Float32Array(n * rows * columns);
    for (let image = 0; image < n; image++) {
      const centre = Number(input.data[image * 3 * h * w + Math.floor(h / 2) * w + Math.floor(w / 2)]);
      const index = Math.round((centre * 255) / 10) - 1;
      const { width = 64, height = 64, found } = this.toys[index];
      const gain = this.longest / Math.max(width, height);
      const [padX, padY] = [(w - width * gain) / 2, (h - height * gain) / 2];
      for (const [i, [c, confidence, x1, y1, x2, y2]] of found.entries()) {
        const at = (image * rows + i) * columns;
        const xywh = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1].map((v) => v * gain);
        data.set([xywh[0] + padX, xywh[1] + padY, xywh[2], xywh[3], 1], at);
        data[at + 5 + c] = confidence;
      }
    }
    return [{ dtype: "float32", shape: [n, rows, columns], data }];
  }

  async inferRows({ inputs }: NetworkInput): Promise<CandidateOutputs> {
    if (!inputs) throw new Error("evaluation gives tensors");
    return allRows(await this.forward(inputs[0]));
  }
}

export async function evaluateToys(
  toys: readonly Toy[],
  classes: number,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const imgsz = options.imgsz ?? 64;
  return evaluate(new ToyModel(toys, classes, imgsz), toyDataset(toys), { imgsz, ...options });
}
