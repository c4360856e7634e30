/** Computes the server's jobs with one model. The same in worker threads and on the server's own thread. */

import { invariant } from "../../../errors.js";
import type { Font } from "../../../image/index.js";
import { printableJson } from "../../../printable.js";
import type { Backend } from "../../../runtime/backend.js";
import { elementCount, type HostTensor, tensor, toFloat32 } from "../../../tensor/index.js";
import { drawOnPixels } from "../../../yolov5/draw/drawPixels.js";
import { Ensemble } from "../../../yolov5/ensemble.js";
import { decodePicture, type Picture } from "../../../yolov5/input/pictures.js";
import type { Member, Result } from "../../../yolov5/model.js";
import { resolveOptions } from "../../../yolov5/options.js";
import { type Outcome, resultOf } from "../../../yolov5/output/outcome.js";
import { Pipeline } from "../../../yolov5/pipeline.js";
import { decodeAside, encodeAside } from "../../pictures/pictureThread.js";
import type { DetectAnswer, DetectJob, InferAnswer, InferJob, OutputTensor, ServeAnswer, ServeJob } from "./jobs.js";

export interface EngineOptions {
  readonly maxPixels: number;
  /** Pictures of a forward pass. */
  readonly maxBatch: number;
  readonly font: Font;
}

export class Engine {
  private readonly ensemble: Ensemble;
  private readonly pipeline: Pipeline;
  private readonly options: EngineOptions;

  constructor(members: readonly Member[], backend: Backend, options: EngineOptions) {
    this.ensemble = new Ensemble(members);
    this.pipeline = new Pipeline(this.ensemble, backend);
    this.options = options;
  }

  /** @param jobs of one kind and with the same options. @returns an answer or an error for each. */
  async run(jobs: readonly ServeJob[]): Promise<(ServeAnswer | Error)[]> {
    const [first] = jobs;
    return first.kind === "detect"
      ? this.detect(jobs as readonly DetectJob[])
      : this.infer(jobs as readonly InferJob[]);
  }

  private async detect(jobs: readonly DetectJob[]): Promise<(DetectAnswer | Error)[]> {
    const answers = new Array<DetectAnswer | Error>(jobs.length);
    const read: { readonly index: number; readonly picture: Picture; readonly decode: number }[] = [];
    for (const [index, { bytes, source }] of jobs.entries()) {
      const started = performance.now();
      try {
        const { maxPixels } = this.options;
        const picture = await decodePicture(bytes, source ?? "picture", { maxPixels, decode: decodeAside });
        read.push({ index, picture: { ...picture, source }, decode: performance.now() - started });
      } catch (error) {
        answers[index] = asError(error);
      }
    }
    // Those of one size share a forward pass.
    read.sort((a, b) => sizeOf(a.picture) - sizeOf(b.picture));
    const outcomes = await this.outcomes(
      read.map(({ picture }) => picture),
      jobs[0],
    );
    for (const [i, { index, picture, decode }] of read.entries()) {
      const outcome = outcomes[i];
      try {
        if (outcome instanceof Error) throw outcome;
        answers[index] = await this.finish(resultOf(outcome, this.ensemble.info.names), picture, jobs[index], decode);
      } catch (error) {
        answers[index] = asError(error);
      }
    }
    return answers;
  }

  /** A batch does not say which of its pictures failed, so each runs again on its own. */
  private async outcomes(pictures: readonly Picture[], job: DetectJob): Promise<(Outcome | Error)[]> {
    if (pictures.length === 0) return [];
    try {
      const options = resolveOptions({ ...job.options, batchSize: this.options.maxBatch }, this.ensemble.info);
      return await this.pipeline.outcomes(pictures, options);
    } catch (error) {
      if (pictures.length === 1) return [asError(error)];
      const single: (Outcome | Error)[] = [];
      for (const picture of pictures) single.push(...(await this.outcomes([picture], job)));
      return single;
    }
  }

  private async finish(
    result: Result,
    { image }: Picture,
    { annotate }: DetectJob,
    decode: number,
  ): Promise<DetectAnswer> {
    const started = performance.now();
    let picture: Uint8Array | undefined;
    const entry = annotate ? "" : printableJson(result.toJSON());
    if (annotate) {
      const { format, ...style } = annotate;
      const drawn = drawOnPixels(image, result, { ...style, font: this.options.font }, { inPlace: true });
      picture = await encodeAside(drawn, format);
    }
    const { preprocess, inference, postprocess } = result.speed;
    const encode = performance.now() - started;
    return { kind: "detect", entry, picture, ms: { decode, preprocess, inference, postprocess, encode } };
  }

  private async infer(jobs: readonly InferJob[]): Promise<(InferAnswer | Error)[]> {
    const started = performance.now();
    const [, , h, w] = jobs[0].shape;
    const total = jobs.reduce((sum, { shape }) => sum + shape[0], 0);
    const parts: HostTensor[][] = [];
    const size = 3 * h * w;
    const whole = jobs.length === 1 ? jobs[0].data : joined(jobs, total * size);
    for (let first = 0; first < total; first += this.options.maxBatch) {
      const n = Math.min(this.options.maxBatch, total - first);
      const data = whole.subarray(first * size, (first + n) * size);
      parts.push(await this.ensemble.forward(tensor("float32", [n, 3, h, w], data)));
    }
    const inference = (performance.now() - started) / jobs.length;
    let first = 0;
    return jobs.map(({ shape, texts }) => {
      const encoding = performance.now();
      const outputs = parts[0].map((_, output): OutputTensor => {
        const data = rowsOf(
          parts.map((part) => toFloat32(part[output])),
          first,
          shape[0],
        );
        const text = texts.includes(output) ? jsonOf(data) : undefined;
        const outputShape = [shape[0], ...parts[0][output].shape.slice(1)];
        return { shape: outputShape, data: text === undefined ? data : new Float32Array(0), text };
      });
      first += shape[0];
      return { kind: "infer", outputs, ms: { inference, encode: performance.now() - encoding } };
    });
  }
}

const sizeOf = ({ image }: Picture): number => image.width * 2 ** 21 + image.height;

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

function joined(jobs: readonly InferJob[], length: number): Float32Array {
  const all = new Float32Array(length);
  let at = 0;
  for (const { data } of jobs) {
    all.set(data, at);
    at += data.length;
  }
  return all;
}

/** Entries `first` to `first + count` of outputs that are split along their first axis, in separate memory. */
function rowsOf(parts: readonly HostTensor<"float32">[], first: number, count: number): Float32Array {
  const each = elementCount(parts[0].shape.slice(1));
  const out = new Float32Array(count * each);
  let start = 0;
  for (const { shape, data } of parts) {
    const [from, to] = [Math.max(first, start), Math.min(first + count, start + shape[0])];
    if (from < to) out.set(data.subarray((from - start) * each, (to - start) * each), (from - first) * each);
    start += shape[0];
  }
  invariant(first + count <= start, "a batch has fewer outputs than inputs");
  return out;
}

/** JSON has no notation for NaN and infinities. */
function jsonOf(data: Float32Array): string {
  return `[${data.join()}]`.replace(/-?Infinity|NaN/g, "null");
}
