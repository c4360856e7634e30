/** Builds the command line and runs one command. Only the chosen command's code is loaded. */

import { Command, CommanderError } from "commander";
import { VERSION } from "../version.js";
import { resolveAliases } from "./aliases.js";
import { defineBench } from "./commands/bench.js";
import type { Start } from "./commands/common.js";
import { defineCompress } from "./commands/compress.js";
import { defineDetect } from "./commands/detect.js";
import { defineExport } from "./commands/export.js";
import { defineInfo } from "./commands/info.js";
import { defineVal } from "./commands/val.js";
import { defineVerify } from "./commands/verify.js";
import { checkDestinations } from "./destinations.js";
import { EXIT, InterruptedError } from "./errors.js";
import type { Io } from "./io.js";
import { Output } from "./output.js";

const EXAMPLES = `
Examples:
  yolov5 detect                                            the embedded model on its example picture
  yolov5 detect --weights yolov5n.pt --source bus.jpg      boxes, an annotated picture, a table
  yolov5 detect --weights best.pt --source photos --json - all of a folder, as JSON
  yolov5 val --weights best.pt --data dataset.yaml         precision, recall and mAP on labelled pictures
  yolov5 info --weights best.pt --layers                   what is in a checkpoint
  yolov5 bench --weights yolov5n.pt                        how fast it runs here
  yolov5 compress --weights best.pt --data photos --prune 0.1 --report out.html   smaller, faster, and what it costs

"yolov5 <command> --help" shows every option of a command. Exit codes: 0 done, 1 an input or the run failed,
2 wrong usage. DEBUG=1 adds stack traces.`;

/**
 * Runs the command line.
 * @param argv the words after `yolov5`.
 * @returns the exit code; never throws.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.done;
  const start: Start = async (flags, runner) => {
    const output = new Output(io, flags);
    try {
      await checkDestinations(flags);
      code = await runner(output);
    } catch (error) {
      // What was asked to stop says so with the signal's own reason.
      code = output.error(io.signal.aborted && error === io.signal.reason ? new InterruptedError() : error);
    } finally {
      await output.close();
    }
  };
  const program = createProgram(io, start);
  try {
    if (argv.length === 0) {
      program.outputHelp({ error: true });
      return EXIT.usage;
    }
    await program.parseAsync(resolveAliases(argv), { from: "user" });
    return code;
  } catch (error) {
    // Commander has printed its message. Help and version end with 0, all else is wrong usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return new Output(io).error(error);
  }
}

function createProgram(io: Io, start: Start): Command {
  const program = new Command("yolov5")
    .description("YOLOv5 in TypeScript: detection, segmentation and classification on WebGPU or the CPU.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(explain(text, program)),
      getOutHelpWidth: () => Math.min(io.stdout.terminal?.columns ?? 120, 120),
      getErrHelpWidth: () => Math.min(io.stderr.terminal?.columns ?? 120, 120),
    });
  for (const define of [defineDetect, defineVal, defineVerify, defineInfo, defineExport, defineCompress, defineBench])
    define(program, start);
  return program;
}

/** Commander's message as one line that says what to do. */
function explain(text: string, program: Command): string {
  const line = text.trim().replace(/\s*\n\s*/g, " ");
  if (line.includes("unknown command")) {
    const names = program.commands.map((command) => command.name()).join(", ");
    return `${line}; there are ${names}\n`;
  }
  if (line.includes("too many arguments")) return `${line} Pictures are given with --source, models with --weights.\n`;
  return `${line}\n`;
}
