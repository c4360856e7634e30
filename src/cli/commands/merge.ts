/** `yolov5 merge`: joins what shards wrote. */

import type { Command } from "commander";
import type { MergeFlags } from "../merge/run.js";
import { addCommonOptions, type Start } from "./common.js";

const AFTER = `
OUT is what the shards of one detect, val or compress run wrote: the folder of the run (runs/detect/exp), folders of single shards,
JSON files, or folders of label files. All shards must be there, of the same options, weights and pictures.

Examples:
  for i in 0 1 2 3; do yolov5 val --weights best.pt --data dataset.yaml --shard $i/4 --json out-$i.json; done
  yolov5 merge out-*.json --output all.json       the figures of one process, to the last digit
  yolov5 merge runs/detect/exp --output merged    results.json, labels, pictures and crops of all shards`;

export function defineMerge(program: Command, start: Start): void {
  const command = program
    .command("merge")
    .summary("join what the shards of detect, val or compress wrote")
    .description("Joins what the shards of a detect, val or compress run wrote, as if one process had done all of it.")
    .argument("<out...>", "what the shards wrote; see below")
    .optionsGroup("Results:")
    .option(
      "--output <path>",
      "a .json file for the results alone, or a new folder for results, labels, pictures, crops",
    )
    .addHelpText("after", AFTER);
  addCommonOptions(command, { backend: false, device: false }).action((paths: string[], flags: MergeFlags) => {
    const { output: target } = flags;
    // A folder is checked by the command.
    const files = { ...flags, output: target?.endsWith(".json") ? target : undefined, source: paths };
    return start(files, async (output) => (await import("../merge/run.js")).runMerge(paths, flags, output));
  });
}
