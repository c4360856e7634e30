/** Module trees as JSON and back: the graphs of real checkpoints must not change by it. */

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../../src/errors.js";
import type { Graph } from "../../../src/ops/index.js";
import { collectStateDict, openCheckpoint, writeSafetensors } from "../../../src/weights/index.js";
import { moduleTreeFromJson, moduleTreeToJson } from "../../../src/yolov5/checkpoint/moduleJson.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { openModel } from "../../../src/yolov5/loadModel.js";
import { referencePath } from "../../support/reference.js";
import { existing, fixturePath, moduleOf, openFile } from "../trees.js";

const SHAPE = [1, 3, 128, 128] as const;
const weights = referencePath("weights");
const zoo = referencePath("weights", "zoo");
const paths = existing([
  ...["v6", "seg", "csp", "cls", "assorted"].map((name) => fixturePath(`${name}.pt`)),
  ...(zoo ? readdirSync(zoo).map((file) => join(zoo, file)) : []),
  ...(weights ? readdirSync(weights).filter((file) => file.endsWith(".pt")) : []).map((file) =>
    join(weights ?? "", file),
  ),
]);

/** Everything that a backend reads of a graph; weights by content. */
function wholeGraph({ graph, head, layers }: ReturnType<typeof buildGraph>) {
  const plain: Omit<Graph, "constants"> = { ...graph };
  return { ...plain, head, layers, constants: [...graph.constants].map(([id, { shape }]) => [id, shape]) };
}

describe("module trees as JSON", () => {
  it.each(paths.map((path) => [basename(path), path]))("%s survives a round trip", (_, path) => {
    const { module } = openFile(path);
    const text = moduleTreeToJson(module);
    const stateDict = collectStateDict(module);
    const back = moduleTreeFromJson(text, stateDict);
    const [actual, expected] = [buildGraph(back, SHAPE), buildGraph(module, SHAPE)];
    expect(wholeGraph(actual)).toEqual(wholeGraph(expected));
    for (const [id, value] of expected.graph.constants) {
      // Half floats are converted once for each tree.
      expect(Buffer.compare(bytesOf(actual.graph.constants.get(id)?.data), bytesOf(value.data))).toBe(0);
    }
    expect([...collectStateDict(back).keys()].sort()).toEqual([...stateDict.keys()].sort());
    expect(moduleTreeToJson(back)).toBe(text);
  });

  it("survive the metadata of a safetensors file (objects become maps)", () => {
    const { module } = openFile(fixturePath("assorted.pt"));
    const metadata = new Map([
      ["modules", moduleTreeToJson(module)],
      ["names", '{"0":"a"}'],
    ]);
    const bytes = writeSafetensors(collectStateDict(module), metadata);
    expect(openCheckpoint(bytes).extra.get("modules")).toBeInstanceOf(Map);
    const back = openModel(bytes, { path: "w.safetensors" });
    expect(wholeGraph(buildGraph(back.module, SHAPE))).toEqual(wholeGraph(buildGraph(module, SHAPE)));
  });

  it("keep class paths, relevant attributes and odd names, and drop those of training", () => {
    const module = moduleOf("fork.C3Pruned", {
      stride: [2, 1],
      eps: 1e-3,
      add: true,
      f: [-1, 4],
      note: null,
      big: 3n,
      momentum: 0.03,
      training: false,
      names: ["a"],
      infinite: Number.POSITIVE_INFINITY,
      config: new Map([["a", 1]]),
      __proto__x: 1,
    });
    const back = moduleTreeFromJson(moduleTreeToJson(module), new Map());
    expect(back.className).toBe("fork.C3Pruned");
    expect(back.type).toBe("C3Pruned");
    expect([...back.attributes]).toEqual([
      ["stride", [2, 1]],
      ["eps", 1e-3],
      ["add", true],
      ["f", [-1, 4]],
      ["note", null],
      ["big", 3],
      ["__proto__x", 1],
    ]);
  });

  it("treat __proto__ like any other key", () => {
    const back = moduleTreeFromJson('{"t":"a.B","a":{"__proto__":1},"c":{"__proto__":{"t":"c.D"}}}', new Map());
    expect(back.attributes.get("__proto__")).toBe(1);
    expect(back.children.get("__proto__")?.type).toBe("D");
    expect(({} as Record<string, unknown>).t).toBeUndefined();
  });

  it.each<[string, string, string]>([
    ["no JSON", "{", "holds a module tree that is not valid JSON"],
    ["a number", "7", "holds a module tree that is damaged at its root"],
    ["no class", '{"a":{}}', "holds a module without a class at its root"],
    ["a class that is none", '{"t":"A","c":{"m":{"t":3}}}', "holds a module without a class at m"],
    ["a child that is none", '{"t":"A","c":{"m":{"t":"B","c":{"0":null}}}}', "is damaged at m.0"],
    ["endless depth", `${'{"t":"A","c":{"m":'.repeat(60)}{}${"}}".repeat(60)}`, "is damaged at m.m.m"],
  ])("refuses %s", (_, text, message) => {
    expect(() => moduleTreeFromJson(text, new Map())).toThrow(CheckpointError);
    expect(() => moduleTreeFromJson(text, new Map())).toThrow(message);
  });

  it("ignore attributes of kinds that are never written", () => {
    const back = moduleTreeFromJson('{"t":"A","a":{"x":{"y":1},"z":[1,{"w":2}],"ok":[1,[2]]},"c":7}', new Map());
    expect([...back.attributes]).toEqual([["ok", [1, [2]]]]);
    expect(back.children.size).toBe(0);
  });
});

function bytesOf(data: ArrayBufferView | undefined): Uint8Array {
  if (!data) throw new Error("a constant is missing");
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
