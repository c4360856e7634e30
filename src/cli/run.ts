/** Builds the command line and runs one command. Only the chosen command's code is loaded. */

import { Command, CommanderError } from "commander";
import { shownAddress, withoutSecrets } from "../api/address.js";
import { VERSION } from "../version.js";
import { defineBench } from "./commands/bench.js";
import type { Start } from "./commands/common.js";
import { defineCompress } from "./commands/compress.js";
import { defineDetect } from "./commands/detect.js";
import { defineDistill } from "./commands/distill.js";
import { defineExport } from "./commands/export.js";
import { defineInfo } from "./commands/info.js";
import { defineMerge } from "./commands/merge.js";
import { defineEnqueue, defineWork } from "./commands/queue.js";
import { defineServe } from "./commands/serve.js";
import { defineVal } from "./commands/val.js";
import { defineVerify } from "./commands/verify.js";
import { EXIT, InterruptedError } from "./errors.js";
import { checkDestinations } from "./files/destinations.js";
import type { Io } from "./io.js";
import { resolveAliases } from "./options/aliases.js";
import { strayWord } from "./options/weightWords.js";
import { Output } from "./output.js";

const EXAMPLES = `
Examples:
  yolov5 detect                                            the embedded model on its example picture
  yolov5 detect --weights yolov5n.pt --source bus.jpg      boxes, an annotated picture, a table
  yolov5 detect --weights best.pt --source photos --json - a whole folder, as JSON
  yolov5 val --weights best.pt --data dataset.yaml         precision, recall and mAP on labelled pictures
  yolov5 info --weights best.pt --layers                   what is in a checkpoint
  yolov5 bench --weights yolov5n.pt                        how fast it runs here
  yolov5 merge runs/detect/exp --output merged             join what shards wrote (detect --shard i/n)
  yolov5 serve --weights best.pt                           answers over HTTP: POST /detect
  yolov5 compress --weights best.pt --data photos --prune 0.1 --report out.html   prune, and report the cost
  yolov5 distill --teacher best.pt --student random:yolov5n --data photos         train a small model, without labels

"yolov5 <command> --help" lists all options of a command. Exit codes: 0 success, 1 an input or the run failed,
2 wrong usage. Set DEBUG=1 for stack traces.`;

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
      if (flags.device?.note !== undefined) output.line(`note: ${flags.device.note}`);
      await checkDestinations(flags);
      code = await runner(output);
    } catch (error) {
      // Work that was asked to stop rejects with the signal's reason.
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
    const command = commandOf(program, argv);
    const known = command?.options.flatMap(({ long }) => long ?? []);
    await program.parseAsync(resolveAliases(argv, known), { from: "user" });
    return code;
  } catch (error) {
    // Commander has already printed its message. Help and version exit with 0, everything else is wrong usage.
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
      outputError: (text, write) => write(withoutSecrets(explain(text, program))),
      getOutHelpWidth: () => Math.min(io.stdout.terminal?.columns ?? 120, 120),
      getErrHelpWidth: () => Math.min(io.stderr.terminal?.columns ?? 120, 120),
    });
  const commands = [
    defineDetect,
    defineVal,
    defineVerify,
    defineInfo,
    defineExport,
    defineCompress,
    defineDistill,
    defineBench,
    defineMerge,
    defineEnqueue,
    defineWork,
    defineServe,
  ];
  for (const define of commands) define(program, start);
  return program;
}

/** The command that the arguments name. */
function commandOf(program: Command, words: readonly string[]): Command | undefined {
  return program.commands.find((command) => words.includes(command.name()));
}

/** Hints for names from YOLOv5 that differ here. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["predict", "use detect to predict, for every task"],
  ["segment", "detect finds masks if the model is a segmentation model"],
  ["classify", "detect classifies if the model is a classification model"],
  ["track", "detect --track follows objects"],
  ["validate", "use val to measure a model's accuracy"],
  ["benchmarks", "use bench to measure speed"],
  ["train", "training is not available: train with YOLOv5 and pass its best.pt to --weights"],
]);

/** Commander's message as one line that says how to fix the problem. */
function explain(text: string, program: Command): string {
  const line = text.trim().replace(/\s*\n\s*/g, " ");
  const unknown = /unknown command '(.*?)'/.exec(line)?.[1];
  if (unknown !== undefined) {
    const names = program.commands.map((command) => command.name()).join(", ");
    const other = OTHER_NAMES.get(unknown.toLowerCase());
    return `${line}${other === undefined ? "" : ` (${other})`}; the commands are ${names}\n`;
  }
  const command = commandOf(program, program.args);
  if (line.includes("too many arguments")) {
    const words = (command?.args ?? []).map((word) => `'${shownAddress(word)}'`).join(", ");
    return `${line} No option takes ${words || "them"}; ${placesOf(command)}.\n`;
  }
  if (line.includes("required option '--data")) {
    const weights: readonly string[] = [command?.getOptionValue("weights") ?? []].flat();
    const stray = strayWord(weights, "--data");
    return `${line}${stray === undefined ? "" : `; ${stray}`}\n`;
  }
  const taken = /option '(--[\w-]+) .*' argument '(.*)' is invalid/.exec(line);
  if (taken && looksLikeFile(taken[2])) {
    return `${line} '${taken[2]}' was taken for a value of ${taken[1]}; ${placesOf(command)}.\n`;
  }
  return `${line}\n`;
}

/** Says which options of a command take pictures and models. */
function placesOf(command: Command | undefined): string {
  const has = (flag: string): boolean => command?.options.some(({ long }) => long === flag) ?? true;
  const pictures = has("--source") ? "--source" : has("--data") ? "--data" : undefined;
  return `${pictures ? `pass pictures with ${pictures} and ` : "pass "}models with --weights`;
}

const looksLikeFile = (text: string): boolean => /[/\\*]|\.[a-z]\w{0,11}$/i.test(text);
