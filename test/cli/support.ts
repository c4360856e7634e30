/** Runs the command line in-process, with captured output. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Io } from "../../src/cli/io.js";
import { run } from "../../src/cli/run.js";
import { REPOSITORY } from "../support/reference.js";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
  /** Sees standard output as it comes. */
  readonly onStdout?: (text: string) => void;
  /** Names have control characters, which come out as U+FFFD. Else one of the messages itself has them. */
  readonly harmful?: boolean;
}

export async function cli(argv: readonly string[], options: CliOptions = {}): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  const io: Io = {
    stdout: {
      write: (text) => {
        stdout += text;
        options.onStdout?.(text);
      },
    },
    stderr: {
      write: (text) => {
        stderr += text;
      },
    },
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
  };
  const code = await run(argv, io);
  if (!options.harmful && /\ufffd/.test(stdout + stderr)) {
    throw new Error(`a message has a control character: ${/.*\ufffd.*/.exec(stdout + stderr)?.[0]}`);
  }
  return { code, stdout, stderr };
}

/** A folder for one test file, removed after it. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "yolov5-cli-"));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export const EXAMPLE = join(REPOSITORY, "examples", "codes.png");
export const fixture = (name: string): string => join(REPOSITORY, "test", "fixtures", "pytorch", name);
/** The reference backend at a size at which the embedded model still finds codes, in well under a second. */
export const FAST = ["--backend", "cpu", "--imgsz", "256"] as const;
/** For what happens around the network. */
export const TINY = ["--backend", "cpu", "--imgsz", "64"] as const;
