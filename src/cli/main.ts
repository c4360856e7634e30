#!/usr/bin/env node
/** The command `yolov5`: ties the process to `run`. */

import type { Io, TextStream } from "./io.js";
import { run } from "./run.js";

function streamOf(stream: NodeJS.WriteStream): TextStream {
  return { write: (text) => void stream.write(text), terminal: stream.isTTY ? stream : undefined };
}

/** A reader that has seen enough (`yolov5 … | head`) is no failure. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const interrupt = new AbortController();
process.on("SIGINT", () => {
  // The first Ctrl-C lets the command finish what it writes, the second does not wait.
  if (interrupt.signal.aborted) process.exit(130);
  interrupt.abort();
});

const io: Io = {
  stdout: streamOf(process.stdout),
  stderr: streamOf(process.stderr),
  env: process.env,
  signal: interrupt.signal,
};
const code = await run(process.argv.slice(2), io);
process.exitCode = code;
// Whatever is still under way after an interruption, or a driver's handle that lingers, must not keep the shell waiting.
// The timer runs only if something does.
setTimeout(() => process.exit(code), interrupt.signal.aborted ? 100 : 1000).unref();
