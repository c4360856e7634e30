/** The jobs that are measured: the same pictures through this engine, and through what people use otherwise. */

import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { packageRoot } from "../../../node/packageRoot.js";
import { UsageError } from "../../errors.js";
import { type Command, nodeCommand, pythonCommand } from "./process.js";

/** The results of a job, as far as it reports them. */
export interface Outcome {
  readonly pictures: number;
  readonly boxes: number;
}

export interface Job {
  /** `yolov5-ts`, `onnxruntime-node + sharp`, `detect.py`. */
  readonly engine: string;
  readonly backend: string;
  readonly model: string;
  /** Whether it writes annotated pictures. */
  readonly saves: boolean;
  /** Whether every picture fills the whole input size, as a file with one input size demands. */
  readonly square: boolean;
  /** @param folder a new folder for what it writes */
  command(folder: string): Command;
  /** The same job with its boxes in the output: run once, before anything is timed. */
  check(folder: string): Command;
  outcome(folder: string): Promise<Outcome>;
}

export interface JobOptions {
  readonly pictures: string;
  readonly threads: number | undefined;
  readonly imgsz: readonly [number, number] | undefined;
  /** Further options of this engine's `detect`. */
  readonly own: readonly string[];
}

/** This package's command line, as built. */
export const cliScript = (): string => join(packageRoot(), "dist", "cli.js");

const size = ([height, width]: readonly [number, number]): string[] => [String(height), String(width)];

export function ownJob(
  model: string,
  backend: string,
  saves: boolean,
  square: boolean,
  { pictures, threads, imgsz, own }: JobOptions,
): Job {
  const command = (folder: string): Command =>
    nodeCommand(cliScript(), [
      ...["detect", "--weights", model, "--source", pictures, "--backend", backend, "--quiet"],
      ...["--json", join(folder, "boxes.json"), "--project", folder],
      ...own,
      ...(saves ? [] : ["--nosave"]),
      ...(square ? ["--square"] : []),
      ...(threads === undefined ? [] : ["--threads", String(threads)]),
      ...(imgsz ? ["--imgsz", ...size(imgsz)] : []),
    ]);
  return { engine: "yolov5-ts", backend, model, saves, square, command, check: command, outcome: ownOutcome };
}

async function ownOutcome(folder: string): Promise<Outcome> {
  const { images } = JSON.parse(await readFile(join(folder, "boxes.json"), "utf8")) as {
    images: { readonly detections?: readonly unknown[] }[];
  };
  return { pictures: images.length, boxes: images.reduce((sum, { detections }) => sum + (detections?.length ?? 0), 0) };
}

/** onnxruntime-node with sharp around it (`bench/peers/pipeline.mjs`); its ONNX file has one input size. */
export function onnxruntimeJob(
  folderOfPeers: string,
  onnx: string,
  model: string,
  saves: boolean,
  { pictures, threads }: JobOptions,
): Job {
  const command = (folder: string): Command =>
    nodeCommand(join(folderOfPeers, "pipeline.mjs"), [
      onnx,
      pictures,
      join(folder, "boxes.json"),
      String(threads ?? 0),
      ...(saves ? [folder] : []),
    ]);
  const engine = "onnxruntime-node + sharp";
  return { engine, backend: "cpu", model, saves, square: true, command, check: command, outcome: ownOutcome };
}

/**
 * A YOLOv5 tree's own `detect.py`, on the CPU.
 * @param path the tree, or its `detect.py`
 * @throws UsageError if there is none
 */
export function detectPyJob(path: string, model: string, saves: boolean, { pictures, imgsz }: JobOptions): Job {
  const script = resolve(path.endsWith(".py") ? path : join(path, "detect.py"));
  if (!existsSync(script)) throw new UsageError(`--detect-py: ${path} contains no detect.py; name a YOLOv5 checkout`);
  const python = process.env.PYTHON || "python3";
  const args = (folder: string): string[] => [
    ...["--weights", resolve(model), "--source", resolve(pictures), "--device", "cpu"],
    ...["--project", resolve(folder), "--name", "run"],
    ...(imgsz ? ["--imgsz", ...size(imgsz)] : []),
  ];
  const command = (more: (folder: string) => string[]) => (folder: string) =>
    pythonCommand(python, script, [...args(folder), ...more(folder)], dirname(script));
  return {
    engine: "detect.py",
    backend: "pytorch",
    model,
    saves,
    square: false,
    command: command(() => (saves ? [] : ["--nosave"])),
    // Labels are only written for pictures with boxes, so the number of pictures comes from the annotated ones.
    check: command(() => ["--save-txt"]),
    outcome: detectPyOutcome,
  };
}

async function detectPyOutcome(folder: string): Promise<Outcome> {
  const run = join(folder, "run");
  const entries = await readdir(run, { withFileTypes: true });
  const labels = join(run, "labels");
  const names = (await stat(labels).catch(() => undefined)) ? await readdir(labels) : [];
  let boxes = 0;
  for (const name of names) boxes += (await readFile(join(labels, name), "utf8")).split("\n").filter(Boolean).length;
  return { pictures: entries.filter((entry) => entry.isFile()).length, boxes };
}
