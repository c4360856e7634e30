#!/usr/bin/env node
/** The command `yolov5`: ties the process to `run`: its streams, and the signals that end it. */

import { constants } from "node:os";
import { outputError } from "../node/files/systemReason.js";
import { EXIT, errorLine } from "./errors.js";
import type { Io, TextStream } from "./io.js";
import { run } from "./run.js";

/** Ctrl-C, `kill` and `docker stop`, a closed terminal. Each ends a run in the same way: what it writes becomes whole. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function streamOf(stream: NodeJS.WriteStream): TextStream {
  return { write: (text) => void stream.write(text), terminal: stream.isTTY ? stream : undefined };
}

async function main(): Promise<void> {
  const ending = new AbortController();
  // Why the run was ended, as the shell's code: 128 and the signal's number.
  let endedWith: number | undefined;
  let outputFailed = false;
  const end = (code: number): void => {
    endedWith ??= code;
    ending.abort();
  };
  for (const name of SIGNALS) {
    process.on(name, () => {
      const code = 128 + constants.signals[name];
      // The first lets the command finish what it writes, the second does not wait.
      if (ending.signal.aborted) process.exit(code);
      end(code);
    });
  }
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // A reader that has seen enough (`yolov5 … | head`) is no failure; a disk that is full is one.
    if (error.code !== "EPIPE" && !outputFailed && endedWith === undefined) {
      outputFailed = true;
      process.exitCode = EXIT.failed;
      process.stderr.write(`error: ${errorLine(outputError("standard output", error))}\n`);
    }
    end(outputFailed ? EXIT.failed : EXIT.done);
  });
  // Nobody reads the messages any more: the results are still wanted.
  process.stderr.on("error", () => undefined);

  const io: Io = {
    stdout: streamOf(process.stdout),
    stderr: streamOf(process.stderr),
    env: process.env,
    signal: ending.signal,
  };
  const code = await run(process.argv.slice(2), io);
  process.exitCode = outputFailed ? EXIT.failed : code === EXIT.interrupted ? (endedWith ?? code) : code;
  // Whatever is still under way after an interruption, or a driver's handle that lingers, must not keep the shell waiting.
  // The timer runs only if something does.
  setTimeout(() => process.exit(), ending.signal.aborted ? 100 : 1000).unref();
}

await main();
