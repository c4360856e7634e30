/** The program of a server (`apps/server/main.js`): its inputs, what it prints where all is well, and runs of it. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { REPOSITORY } from "../../support/reference.js";

/** One pixel, lossy. */
const WEBP = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA";

export const SERVER_ANSWER = {
  detections: 9,
  sizes: { "a.avif": "40x24", "b.jpg": "37x29", "c.webp": "1x1" },
  samples: 1,
  remote: 9,
  optional: 'gpujs: needs the optional package "gpu.js"; run npm install gpu.js',
};

/** What it prints where the bundle lies alone. */
export const NOT_WITH_BUNDLE =
  "CheckpointError: codes: the embedded model's file is not with this bundle; copy node_modules/yolov5-ts/models/codes.safetensors next to the bundle, or give load() the path of a checkpoint";

/** Lays the program and its inputs down as `folder/main.js` and `folder/inputs`. */
export function writeServer(folder: string): void {
  const inputs = join(folder, "inputs");
  for (const part of ["pictures", "set/images", "set/labels"]) mkdirSync(join(inputs, part), { recursive: true });
  const picture = join(REPOSITORY, "examples/codes.png");
  cpSync(join(REPOSITORY, "test/consumers/apps/server/main.js"), join(folder, "main.js"));
  cpSync(picture, join(inputs, "codes.png"));
  cpSync(join(REPOSITORY, "test/fixtures/image/small.avif"), join(inputs, "pictures/a.avif"));
  const { files } = JSON.parse(readFileSync(join(REPOSITORY, "test/fixtures/image/decode.json"), "utf8")) as {
    readonly files: Readonly<Record<string, { readonly base64: string }>>;
  };
  writeFileSync(join(inputs, "pictures/b.jpg"), Buffer.from(files["sampling 2x2.jpg"].base64, "base64"));
  writeFileSync(join(inputs, "pictures/c.webp"), Buffer.from(WEBP, "base64"));
  cpSync(picture, join(inputs, "set/images/codes.png"));
  writeFileSync(join(inputs, "set/labels/codes.txt"), "0 0.5 0.5 0.1 0.1\n");
  const description = ["path: .", "val: images", "names: [qr_code, barcode, aruco, data_matrix]", ""];
  writeFileSync(join(inputs, "set/data.yaml"), description.join("\n"));
}

/** The environment of a run: nothing that this process was given for tests, no proxy. */
const ENVIRONMENT = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "" };

/**
 * Runs a program in `cwd`, killed after five minutes.
 * @returns what it printed on standard output, parsed; all that it printed where that is no JSON.
 */
export function runJson([program, ...words]: readonly string[], cwd: string): unknown {
  const { stdout, stderr } = spawnSync(program, words, {
    cwd,
    encoding: "utf8",
    env: ENVIRONMENT,
    timeout: 300_000,
    killSignal: "SIGKILL",
  });
  try {
    return JSON.parse(stdout);
  } catch {
    return (stdout + stderr).trim();
  }
}

/** Runs the program of a server, whose path ends `command`, from its own folder. */
export function runServer(command: readonly string[], inputs: string): unknown {
  return runJson([...command, inputs, "codes"], dirname(command.at(-1) ?? "."));
}
