/** `yolov5 info`: facts, the table of layers, memory. */

import { graphFlops } from "../../ops/index.js";
import { formatShape } from "../../tensor/index.js";
import { countParameters } from "../../weights/index.js";
import { layersOf } from "../../yolov5/graph/buildGraph.js";
import type { NetworkMemory } from "../../yolov5/network.js";
import { EXIT } from "../errors.js";
import { type CliModel, loadModel } from "../loadModel.js";
import type { InfoFlags } from "../options/flags.js";
import { inputSize, sizeOrigin } from "../options/sizeNote.js";
import type { Output } from "../output.js";
import { type Column, grouped, megabytes, tableLines } from "../table.js";
import { layoutOf } from "./layout.js";

const LAYER_COLUMNS: readonly Column[] = [
  { title: "layer", right: true },
  { title: "from" },
  { title: "type" },
  { title: "output" },
  { title: "parameters", right: true },
];

export async function runInfo(flags: InfoFlags, output: Output): Promise<number> {
  // Facts need no device; only memory depends on the backend.
  const backend = flags.memory ? flags.backend : "cpu";
  const model = await loadModel(
    {
      backend,
      threads: flags.threads,
      weights: flags.weights === undefined ? undefined : [flags.weights],
      cfg: flags.cfg,
      half: flags.half,
      notes: flags.memory === true,
    },
    output,
  );
  try {
    const facts = await gather(model, flags, output);
    print(facts, model, output);
    await output.writeJson(facts);
    return EXIT.done;
  } finally {
    model.dispose();
  }
}

type Facts = Awaited<ReturnType<typeof gather>>;

async function gather(model: CliModel, flags: InfoFlags, output: Output) {
  const { info } = model;
  const { network } = model.members[0];
  const [h, w] = inputSize(info, flags, (text) => output.warn(text));
  const built = network.build([1, 3, h, w]);
  const { layers } = layersOf(network.module);
  const { path, task, format, classes, names, strides, stride, anchors, maskCoefficients, notes } = info;
  return {
    path,
    task,
    format,
    layout: layoutOf(network.module),
    layers: info.layers,
    parameters: info.parameters,
    gflops: graphFlops(built.graph) / 1e9,
    imgsz: [h, w],
    /** [height, width] that the file records as its intended input size. */
    ownImgsz: info.imgsz ?? null,
    /** Whether it runs at that size only. */
    fixed: info.onlyImgsz !== undefined,
    classes,
    names,
    strides,
    stride,
    anchors,
    maskCoefficients,
    notes,
    ...(flags.layers
      ? {
          layerTable: built.layers.map(({ index, from, type, outputShape }) => {
            return { index, from, type, outputShape, parameters: countParameters(layers[index]) };
          }),
        }
      : {}),
    ...(flags.memory ? { memory: await model.memory([h, w]), backend: model.device } : {}),
  };
}

function print(facts: Facts, model: CliModel, output: Output): void {
  const [h, w] = facts.imgsz;
  const rows: [string, string][] = [
    ["file", `${facts.path} (${facts.format})`],
    ["task", facts.task],
    ["layout", facts.layout],
    ["layers", String(facts.layers)],
    ["parameters", grouped(facts.parameters)],
    ["GFLOPs", `${facts.gflops.toFixed(2)} at ${h}×${w}`],
    ...(facts.ownImgsz ? [[sizeOrigin(facts), `${facts.ownImgsz.join("×")}`] as [string, string]] : []),
    ["classes", `${facts.classes}: ${shortList(facts.names)}`],
  ];
  if (facts.task !== "classify") {
    rows.push(["strides", facts.strides.join(", ")]);
    for (const [i, level] of facts.anchors.entries()) rows.push([i === 0 ? "anchors" : "", anchorText(level)]);
  }
  if (facts.fixed) rows.push(["decoding", "by the file's own operators, at this size only"]);
  if (facts.maskCoefficients > 0) rows.push(["mask coefficients", String(facts.maskCoefficients)]);
  for (const [key, value] of Object.entries(facts.notes)) rows.push([key, value]);
  const width = Math.max(...rows.map(([title]) => title.length));
  for (const [title, text] of rows) output.line(`${title.padEnd(width)}  ${text}`);
  if (facts.layerTable) {
    output.line();
    const { layerTable } = facts;
    output.lines(() =>
      tableLines(
        LAYER_COLUMNS,
        layerTable.map(({ index, from, type, outputShape, parameters }) => [
          String(index),
          from.join(", "),
          type,
          formatShape(outputShape),
          grouped(parameters),
        ]),
      ),
    );
  }
  if (facts.memory) {
    output.line();
    printMemory(facts.memory, model, output);
  }
}

function printMemory(memory: NetworkMemory, model: CliModel, output: Output): void {
  const { name, adapter, dtype } = model.device;
  output.line(`Memory on ${name} (${adapter}), ${dtype}:`);
  output.line(`  weights      ${megabytes(memory.weightBytes)}`);
  output.line(
    `  activations  ${megabytes(memory.activationBytes)} (lower bound for any plan: ${megabytes(memory.liveSetBytes)})`,
  );
  output.line(`  staging      ${megabytes(memory.stagingBytes)}`);
  output.line(
    `  all input sizes share ${megabytes(memory.sharedBytes)}, each adds its own (this one ${megabytes(memory.shapeBytes)})`,
  );
}

/** width×height pairs. */
function anchorText(level: readonly number[]): string {
  const pairs: string[] = [];
  for (let i = 0; i + 1 < level.length; i += 2) pairs.push(`${short(level[i])}×${short(level[i + 1])}`);
  return pairs.join(", ");
}

const short = (value: number): string => String(Number(value.toFixed(2)));

function shortList(names: readonly string[], most = 12): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown}, … (--json lists all of them)` : shown;
}
