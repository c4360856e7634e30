/** `yolov5 distill`: opens both networks, trains the student, writes its file and the report. */

import { Breather } from "../../breathe.js";
import { moduleFlopsPieces } from "../../compress/flops.js";
import { keptPoint } from "../../compress/recover/state.js";
import { assertPictures } from "../../eval/assertPictures.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import { loadVega } from "../../eval/plots/render.js";
import { openBackend } from "../../node/backends.js";
import { openDataset } from "../../node/datasets/open.js";
import { distilledFile, openPair, type Pair, startOf } from "../../node/distill.js";
import { writeAtomically } from "../../node/files/writeFile.js";
import type { Backend } from "../../runtime/backend.js";
import type { ModuleNode } from "../../weights/types.js";
import { checkImageSize } from "../../yolov5/options.js";
import { escapeHtml, learningHtml, pageHtml } from "../compress/page.js";
import { checkTrainable, checkTrainingLabels, type RecoveryFacts, recoverAccuracy } from "../compress/recover.js";
import { Stages } from "../compress/stages.js";
import { EXIT, UsageError } from "../errors.js";
import { Attempts } from "../files/attempts.js";
import { refuseExisting, writeOrRefuse } from "../files/replacing.js";
import { LastWork, orInterrupted } from "../interrupt.js";
import { noteSize } from "../options/sizeNote.js";
import type { Output } from "../output.js";
import { DownloadProgress } from "../progress.js";
import { counted } from "../table.js";
import { interruptible } from "../val/progress.js";
import type { DistillFlags } from "./flags.js";
import { type DistillRow, distillHtml, distillTable } from "./table.js";

const FILE = "distilled.safetensors";

const WORDS = {
  doing: "distilling",
  done: "Distilled",
  teacher: "teacher",
  measure: "val on other pictures tells how well it went",
} as const;

export async function runDistill(flags: DistillFlags, output: Output): Promise<number> {
  if (flags.minutes !== undefined && flags.steps !== undefined)
    throw new UsageError("--minutes and --steps cannot be combined; give one of them");
  const run = new DistillRun(flags, output);
  // Before a training that could not be saved.
  if (flags.report !== undefined) await loadVega();
  if (!run.replaces) await refuseExisting(run.file);
  const backend = await openBackend(flags.backend, {
    onNote: (text) => output.line(`note: ${text}`),
    threads: flags.threads,
  });
  try {
    return await orInterrupted(output.io.signal, run.run(backend));
  } finally {
    await run.keeping.settled();
    backend.dispose();
  }
}

class DistillRun {
  /** The training, whose best weights are kept on Ctrl-C. */
  readonly keeping = new LastWork();
  readonly file: string;
  /** A run that goes on replaces what it wrote when it was interrupted. */
  readonly replaces: boolean;

  constructor(
    private readonly flags: DistillFlags,
    private readonly output: Output,
  ) {
    this.file = flags.output ?? FILE;
    this.replaces = flags.output !== undefined || flags.existOk === true || flags.state !== undefined;
  }

  async run(backend: Backend): Promise<number> {
    const { flags, output } = this;
    const { signal } = output.io;
    const pair = await this.open(backend);
    const { teacher, student, info, studentInfo } = pair;
    const size = flags.imgsz ?? 640;
    const [imgsz] = checkImageSize([size, size], info.stride, (text) => output.warn(text));
    noteSize([info], [imgsz, imgsz], output);
    await interruptible(signal, checkTrainable(student.opened.module, info.stride, backend, flags.labels));
    const dataset = await this.readPictures(pair);
    output.line(`Backend: ${backend.name} (${backend.adapter})`);
    output.line(`Teacher: ${teacher.path}`);
    output.line(
      `Student: ${student.path}, ${counted(dataset.samples.length, "picture")} of ${dataset.name} at ${imgsz}`,
    );

    const bars = new Stages(output);
    const onProgress = (done: number, total: number): void => bars.update("measuring statistics", done, total);
    const trained = await (async () => {
      const options = { imgsz, signal, onProgress };
      const start = await interruptible(signal, startOf(pair, dataset.samples, backend, options));
      const training = recoverAccuracy(teacher.opened, start, {
        ...{ training: flags, words: WORDS, output, backend, recovery: dataset, info, imgsz, bars },
        learningRate: flags.rate ?? pair.learningRate,
        keepBest: (module) => this.keepBest(pair, module),
      });
      return interruptible(signal, this.keeping.of(training));
    })().finally(() => bars.stop());
    output.line(trained.note);

    const bytes = distilledFile(pair, trained.module);
    const flops = async (module: ModuleNode): Promise<number> =>
      (await interruptible(signal, new Breather(signal).through(moduleFlopsPieces(module, [imgsz, imgsz])))) / 1e9;
    const { curve } = trained.facts;
    const before = {
      name: student.path,
      parameters: studentInfo.parameters,
      gflops: await flops(student.opened.module),
    };
    const rows: DistillRow[] = [
      {
        name: teacher.path,
        bytes: teacher.bytes?.length,
        parameters: info.parameters,
        gflops: await flops(teacher.opened.module),
      },
      { ...before, bytes: student.bytes?.length, agreement: curve[0].agreement },
      { ...before, name: "distilled", bytes: bytes.length, agreement: keptPoint(curve).agreement },
    ];
    output.line();
    output.lines(() => distillTable(rows));

    const attempts = new Attempts(output);
    const written = await attempts.of(async () => {
      await writeOrRefuse(this.file, bytes, this.replaces, output);
      output.line();
      output.line(`Use it with --weights ${this.file}`);
    });
    const { report } = flags;
    if (report !== undefined) {
      const html = await this.report(pair, dataset, imgsz, rows, trained);
      await attempts.of(async () => {
        await writeOrRefuse(report, new TextEncoder().encode(html), true, output);
        output.line(`Report: ${report}`);
      });
    }
    await output.writeJson({
      teacher: teacher.path,
      student: student.path,
      data: dataset.name,
      images: dataset.samples.length,
      imgsz,
      rows,
      notes: [trained.note],
      training: trained.facts,
      ...(written ? { output: this.file } : {}),
      ...(attempts.errors.length === 0 ? {} : { errors: attempts.errors }),
    });
    return attempts.errors.length === 0 ? EXIT.done : EXIT.failed;
  }

  private async open(backend: Backend): Promise<Pair> {
    const { flags, output } = this;
    const progress = new DownloadProgress(output);
    const { onProgress } = progress;
    const { signal } = output.io;
    const onWarning = (text: string): void => output.warn(text);
    const opening = openPair(flags.teacher, flags.student, backend, { onProgress, signal, onWarning });
    return opening.finally(() => progress.stop());
  }

  private async readPictures({ info }: Pair): Promise<DetectionDataset> {
    const { flags, output } = this;
    const { signal } = output.io;
    const { names, keypoints } = info;
    const { task: split, images, maxPixels } = flags;
    const bars = new Stages(output);
    const onProgress = (done: number, total: number): void => bars.update("reading pictures", done, total);
    const onWarning = (text: string): void => output.warn(text);
    const options = {
      split,
      names,
      keypoints,
      labels: flags.labels ?? false,
      images,
      maxPixels,
      signal,
      onWarning,
      onProgress,
    };
    const dataset = await interruptible(signal, openDataset(flags.data, options)).finally(() => bars.stop());
    const reasons = dataset.excluded.map(({ reason }) => reason);
    assertPictures(dataset.samples.length, reasons, dataset.name);
    if (flags.labels) checkTrainingLabels(info, dataset);
    return dataset;
  }

  /** What a training that is interrupted has reached. */
  private async keepBest(pair: Pair, module: ModuleNode): Promise<void> {
    await writeAtomically(this.file, distilledFile(pair, module));
    this.output.line(`Interrupted: the best student so far is in ${this.file}`);
  }

  private async report(
    { teacher, student }: Pair,
    dataset: DetectionDataset,
    imgsz: number,
    rows: readonly DistillRow[],
    { note, facts }: { readonly note: string; readonly facts: RecoveryFacts },
  ): Promise<string> {
    const { signal } = this.output.io;
    const curves = await interruptible(signal, learningHtml(facts.curve, new Breather(signal)));
    const heading = `${teacher.path} → ${student.path}`;
    return pageHtml({
      title: `${heading}: distillation`,
      heading,
      facts: `${counted(dataset.samples.length, "picture")} of ${dataset.name} at ${imgsz} px`,
      body: `<p>${escapeHtml(note)}</p>
<div class="scroll">${distillHtml(rows)}</div>
<p class="hint">Agreement: mAP50-95 with the teacher's boxes as labels.</p>
<h2>Learning</h2>
${curves}`,
    });
  }
}
