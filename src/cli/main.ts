/** Connects the process to `run`, with its streams and the signals that end it. */

import { constants } from "node:os";
import { outputError } from "../node/files/systemReason.js";
import { EXIT, errorLine } from "./errors.js";
import type { Io, TextStream } from "./io.js";
import { run } from "./run.js";

/**
 * Ctrl-C, `kill` and `docker stop`, a closed terminal. Each ends a run the same way: files being written are
 * completed.
 */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function streamOf(stream: NodeJS.WriteStream): TextStream {
  return { write: (text) => void stream.write(text), terminal: stream.isTTY ? stream : undefined };
}

async function main(): Promise<void> {
  const ending = new AbortController();
  // The shell's exit code for a signal: 128 plus the signal's number.
  let endedWith: number | undefined;
  let outputFailed = false;
  const end = (code: number): void => {
    endedWith ??= code;
    ending.abort();
  };
  for (const name of SIGNALS) {
    process.on(name, () => {
      const code = 128 + constants.signals[name];
      // The first signal lets the command finish its files, the second ends the process at once.
      if (ending.signal.aborted) process.exit(code);
      end(code);
    });
  }
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // A reader that closes the pipe early (`yolov5 … | head`) is not a failure; a full disk is.
    if (error.code !== "EPIPE" && !outputFailed && endedWith === undefined) {
      outputFailed = true;
      process.exitCode = EXIT.failed;
      process.stderr.write(`error: ${errorLine(outputError("standard output", error))}\n`);
    }
    end(outputFailed ? EXIT.failed : EXIT.done);
  });
  // Nobody reads the messages any more, but the results are still wanted.
  process.stderr.on("error", () => undefined);

  const io: Io = {
    stdout: streamOf(process.stdout),
    stderr: streamOf(process.stderr),
    env: process.env,
    signal: ending.signal,
  };
  const code = await run(process.argv.slice(2), io);
  process.exitCode = outputFailed ? EXIT.failed : code === EXIT.interrupted ? (endedWith ?? code) : code;
  // Work still pending after an interruption, or a lingering driver handle, must not keep the shell waiting. The
  // timer is unreferenced, so it fires only if something else keeps the process alive.
  setTimeout(() => process.exit(), ending.signal.aborted ? 100 : 1000).unref();
}

await main();
