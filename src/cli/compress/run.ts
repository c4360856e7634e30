/** `yolov5 compress`: runs the steps, prints the table, writes file and report. */

import { basename } from "node:path";
import { spread } from "../../compress/calibration/pictures.js";
import type { QuantizationFacts } from "../../compress/quantize/index.js";
import { splitPictures } from "../../compress/recover/pictures.js";
import { assertLabels } from "../../eval/assertLabels.js";
import { assertPictures } from "../../eval/assertPictures.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import type { Evaluation, PictureOutcome } from "../../eval/evaluation.js";
import { type MosaicTiles, mosaicTiles } from "../../eval/plots/mosaic.js";
import { loadVega } from "../../eval/plots/render.js";
import { openBackend } from "../../node/backends.js";
import { openDataset } from "../../node/datasets/open.js";
import { type OpenedWeights, openWeights } from "../../node/weightSource.js";
import type { Backend } from "../../runtime/backend.js";
import type { ModuleNode } from "../../weights/types.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import { isQuantized } from "../../yolov5/checkpoint/quantized.js";
import { createMember, type OpenedModel } from "../../yolov5/loadModel.js";
import { checkImageSize } from "../../yolov5/options.js";
import { EXIT, InterruptedError, UsageError } from "../errors.js";
import { Attempts } from "../files/attempts.js";
import { writeOrRefuse } from "../files/replacing.js";
import { LastWork, orInterrupted } from "../interrupt.js";
import { refuseOwnDecoding } from "../options/ownDecoding.js";
import { noteSize } from "../options/sizeNote.js";
import { readModelConfig } from "../options/yamlFile.js";
import type { Output } from "../output.js";
import { DownloadProgress } from "../progress.js";
import { fingerprint } from "../shards/fingerprint.js";
import type { ChosenShard } from "../shards/shardOption.js";
import { ShardRun, shardAsked } from "../shards/shardRun.js";
import { statisticsToJson } from "../shards/statisticsJson.js";
import { counted } from "../table.js";
import { interruptible, steps as openSteps } from "../val/progress.js";
import { identityOf } from "../val/shard.js";
import { checkFlags, checkShard } from "./checkFlags.js";
import type { CompressFlags } from "./flags.js";
import { resultAmong } from "./int8.js";
import {
  asFile,
  type Candidate,
  type CompressionRow,
  evaluateCandidate,
  figuresOf,
  measureLatencies,
  rowOf,
} from "./measure.js";
import { checkTrainingLabels } from "./recover.js";
import { type Example, reportHtml } from "./report.js";
import type { Step } from "./step.js";
import { makeSteps } from "./steps.js";
import { compressionTable } from "./table.js";

/** Example pictures in the report. */
const EXAMPLES = 4;

export async function runCompress(flags: CompressFlags, output: Output): Promise<number> {
  checkFlags(flags);
  const asked = await shardAsked(flags, output);
  // `--shard 0/1` is everything, regardless of a scheduler's variables.
  const shard = asked?.count === 1 ? undefined : asked;
  if (shard) checkShard(flags, output);
  // Checked before minutes of work that could not be saved.
  if (flags.report !== undefined) await loadVega();
  const backend = await openBackend(flags.backend, {
    onNote: (text) => output.line(`note: ${text}`),
    threads: flags.threads,
  });
  const run = new CompressRun(flags, output, backend, shard);
  try {
    return await orInterrupted(output.io.signal, run.run());
  } finally {
    await run.keeping.settled();
    backend.dispose();
  }
}

/** Tiles of the chosen pictures, by name. */
type Tiles = ReadonlyMap<string, MosaicTiles>;

class CompressRun {
  /** A training whose best weights are kept on Ctrl-C. */
  readonly keeping = new LastWork();

  constructor(
    private readonly flags: CompressFlags,
    private readonly output: Output,
    private readonly backend: Backend,
    private readonly shard: ChosenShard | undefined,
  ) {}

  async run(): Promise<number> {
    const { flags, output, backend, shard } = this;
    const { opened, path, bytes } = await this.open(flags.weights);
    refuseOwnDecoding(opened, path, "compress");
    const { info } = createMember(opened, backend, { path });
    if (info.task === "classify") {
      throw new UsageError(
        `${path}: is a classification model, but compress measures boxes; use export --half or --int8, and val`,
      );
    }
    if (isQuantized(opened.module))
      throw new UsageError(`${path}: is already int8; give the checkpoint it was made from`);
    const [imgsz] = checkImageSize([flags.imgsz ?? 640, flags.imgsz ?? 640], info.stride, (text) => output.warn(text));
    noteSize([info], [imgsz, imgsz], output);
    const dataset = await this.readDataset(flags.data, info);
    // Before minutes of work that nothing could measure.
    assertLabels({ info }, dataset, undefined);
    const { calibrationData, recoverData, recoverLabels = false } = flags;
    const calibration =
      calibrationData === undefined
        ? dataset
        : await this.readDataset(calibrationData, info, recoverLabels && recoverData === undefined);
    const recovery = recoverData === undefined ? calibration : await this.readDataset(recoverData, info, recoverLabels);
    if (recoverLabels) checkTrainingLabels(info, recovery);
    // Re-estimation fits the network to the pictures it sees: those that are held out must be new to both.
    const seen =
      flags.recover && recovery === calibration ? splitPictures(calibration.samples).trained : calibration.samples;
    const own = shard && new ShardRun({ shard, parent: "", json: output.jsonFile });
    const identity = own && fingerprint("compress", flags, [bytes ?? path], dataset.samples.map(identityOf));
    const skipped = identity === undefined ? undefined : await own?.skipped(flags, identity, output);
    if (skipped !== undefined) return skipped;
    output.line(`Backend: ${backend.name} (${backend.adapter})`);
    output.line(`Model:   ${path}, ${counted(dataset.samples.length, "picture")} of ${dataset.name} at ${imgsz}`);
    if (info.task === "pose") output.line("Figures are those of the keypoints, by object keypoint similarity");

    const context = { backend, dataset, imgsz, output, shard };
    const made = await makeSteps(opened, {
      ...context,
      calibration: { ...calibration, samples: seen },
      recovery,
      keeping: this.keeping,
      keepBest: (module, undone, int8) => this.keepBest(module, opened, undone, int8),
      flags,
      info,
      mapOf: async (module, name) => {
        const candidate = { opened: { ...opened, module }, name, info };
        return figuresOf(this.complete(await evaluateCandidate(candidate, context))).map50_95;
      },
    });
    const { signal } = output.io;
    const fileOf = (name: string, module: ModuleNode, from: OpenedModel, stored?: Step): Promise<Candidate> =>
      interruptible(signal, asFile(name, module, from, backend, { half: stored?.half, int8: stored?.int8, signal }));
    const candidates: Candidate[] = [await fileOf(basename(path), opened.module, opened)];
    for (const step of made.steps) candidates.push(await fileOf(step.name, step.module, opened, step));
    for (const other of flags.compare ?? []) {
      const further = await this.open(other);
      candidates.push(await fileOf(basename(further.path), further.opened.module, further.opened));
    }

    const chosen = new Set(spread(dataset.samples, EXAMPLES).map(({ name }) => name));
    const evaluations: Evaluation[] = [];
    const tiles: Map<string, MosaicTiles>[] = [];
    for (const candidate of candidates) {
      const own = new Map<string, MosaicTiles>();
      const onPicture = (outcome: PictureOutcome): void => {
        if (flags.report !== undefined && chosen.has(outcome.sample.name)) {
          own.set(outcome.sample.name, mosaicTiles(outcome, candidate.info.names));
        }
      };
      evaluations.push(this.complete(await evaluateCandidate(candidate, { ...context, onPicture })));
      tiles.push(own);
    }
    const latencies = await measureLatencies(
      candidates,
      { backends: flags.latency ?? [backend.name], imgsz, iterations: flags.iterations, threads: flags.threads },
      output,
    );
    const rows: CompressionRow[] = [];
    for (const [i, candidate] of candidates.entries()) {
      rows.push(await interruptible(signal, rowOf(candidate, evaluations[i], latencies[i], imgsz, signal)));
    }
    output.line();
    output.lines(() => compressionTable(rows));
    const { lastIndex, notes } = resultAmong(rows, made, output);
    const last = candidates[lastIndex];

    const attempts = new Attempts(output);
    const target = flags.output;
    // All shards would write the same file.
    const written =
      target !== undefined &&
      (shard?.index ?? 0) === 0 &&
      (await attempts.of(async () => {
        await writeOrRefuse(target, last.bytes, true, output);
        output.line();
        output.line(`${target}: the model of the row "${last.name.trim()}"`);
        output.line(`Use it with --weights ${target}`);
      }));
    const { report } = flags;
    if (report !== undefined) {
      const content = {
        weights: path,
        data: dataset.name,
        pictures: dataset.samples.length,
        imgsz,
        device: `${backend.name} (${backend.adapter})`,
        rows,
        notes,
        sensitivities: made.sensitivities,
        ranks: made.ranks,
        curve: made.recovery?.curve ?? [],
        int8Curve: made.int8Recovery?.curve ?? [],
        examples: examplesOf(tiles[0], tiles[lastIndex > 0 ? lastIndex : candidates.length - 1]),
        last: rows[lastIndex > 0 ? lastIndex : rows.length - 1].name,
      };
      const html = await interruptible(signal, reportHtml(content, signal));
      await attempts.of(async () => {
        await writeOrRefuse(report, new TextEncoder().encode(html), true, output);
        output.line(`Report: ${report}`);
      });
    }
    const results = {
      weights: path,
      data: dataset.name,
      images: dataset.samples.length,
      imgsz,
      rows,
      notes,
      sensitivities: made.sensitivities,
      ...(made.ranks.length > 0 ? { ranks: made.ranks } : {}),
      ...(made.recovery ? { recovery: made.recovery } : {}),
      ...(made.int8Recovery ? { int8Recovery: made.int8Recovery } : {}),
      ...(written ? { output: target } : {}),
      ...(attempts.errors.length === 0 ? {} : { errors: attempts.errors }),
    };
    if (own) {
      const statistics = evaluations.map((evaluation) => statisticsToJson(evaluation.statistics()));
      const block = { command: "compress", run: identity ?? "", failed: attempts.errors.length } as const;
      await own.publish(block, { ...results, statistics }, output);
    } else await output.writeJson(results);
    return attempts.errors.length === 0 ? EXIT.done : EXIT.failed;
  }

  /** What a training that is interrupted has reached. */
  private async keepBest(
    module: ModuleNode,
    from: OpenedModel,
    undone: string | undefined,
    int8: QuantizationFacts | undefined,
  ): Promise<void> {
    const { flags, output, backend } = this;
    if (flags.output === undefined) return;
    // The run's own signal has ended it.
    const { signal } = new AbortController();
    const { bytes } = await asFile("recovered so far", module, from, backend, { half: flags.half, int8, signal });
    await writeOrRefuse(flags.output, bytes, true, output);
    output.line(
      `Interrupted: the best network so far is in ${flags.output}${undone === undefined ? "" : `, of ${undone}`}`,
    );
  }

  private complete(evaluation: Evaluation): Evaluation {
    for (const { error } of evaluation.failed) this.output.warn(`${error.message}; the picture is left out`);
    if (!evaluation.complete) throw new InterruptedError();
    return evaluation;
  }

  private async open(weights: string): Promise<OpenedWeights> {
    const { flags, output } = this;
    const config = await readModelConfig(flags.cfg);
    const progress = new DownloadProgress(output);
    const { onProgress } = progress;
    const { signal } = output.io;
    const onWarning = (text: string): void => output.warn(text);
    return openWeights(weights, { onProgress, signal, config, onWarning }).finally(() => progress.stop());
  }

  private async readDataset(data: string, info: ModelInfo, labels = true): Promise<DetectionDataset> {
    const { names, keypoints } = info;
    const { flags, output } = this;
    const { signal } = output.io;
    const bar = openSteps(output, "reading labels");
    const { task: split, images, maxPixels } = flags;
    const onWarning = (text: string): void => output.warn(text);
    const dataset = await interruptible(
      signal,
      openDataset(data, {
        ...{ split, names, keypoints, labels, images, maxPixels },
        ...{ signal, onWarning, onProgress: bar.update },
      }),
    ).finally(() => bar.stop());
    const reasons = dataset.excluded.map(({ reason }) => reason);
    assertPictures(dataset.samples.length, reasons, dataset.name);
    return dataset;
  }
}

function examplesOf(before: Tiles, after: Tiles): Example[] {
  return [...before].flatMap(([name, first]) => {
    const other = after.get(name);
    return other
      ? [{ name: basename(name), labels: first.labels, before: first.predictions, after: other.predictions }]
      : [];
  });
}
