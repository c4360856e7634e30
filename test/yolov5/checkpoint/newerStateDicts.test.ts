/** State dicts of networks without anchors: refused with the description that they fit, and run with it, whatever their size. */

import { describe, expect, it } from "vitest";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { compare, type HostTensor } from "../../../src/tensor/index.js";
import { collectStateDict } from "../../../src/weights/index.js";
import type { Checkpoint, PlainValue } from "../../../src/weights/types.js";
import { resolveModule } from "../../../src/yolov5/checkpoint/modelInfo.js";
import { createMember, randomModel } from "../../../src/yolov5/loadModel.js";
import { randomTensor } from "../../support/random.js";

const dictOf = (name: string): ReadonlyMap<string, HostTensor> => collectStateDict(randomModel(name, 3).module);

function checkpointOf(stateDict: ReadonlyMap<string, HostTensor>, extra: [string, PlainValue][] = []): Checkpoint {
  return { format: "pytorch-zip", stateDict, extra: new Map(extra) };
}

function refusal(checkpoint: Checkpoint, config?: unknown): string {
  try {
    resolveModule(checkpoint, { path: "best.pth", config });
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

function forward(module: ReturnType<typeof resolveModule>): Promise<HostTensor[]> {
  const checkpoint = { format: "pytorch-zip", module, extra: new Map() } as const;
  const { network } = createMember({ module, checkpoint }, createCpuBackend(), { path: "best.pth" });
  return network.forward(randomTensor([1, 3, 64, 64], 5));
}

describe("a state dict without a description", () => {
  it.each([
    ["yolov5su", "yolov5nu"],
    ["yolov5n6u", "yolov5n6u"],
    ["yolov8s", "yolov8n"],
    ["yolov8n-seg", "yolov8n-seg"],
    ["yolov8n-pose", "yolov8n-pose"],
    ["yolov8n-cls", "yolov8n-cls"],
    ["yolo11s", "yolo11n"],
    ["yolo11n-seg", "yolo11n-seg"],
    ["yolo11n-cls", "yolo11n-cls"],
    ["yolo11m", "yolo11m"],
    ["yolo26s", "yolo26n"],
    ["yolo26m", "yolo26m"],
  ])("of %s: fits %s", (name, fitting) => {
    const sentence = refusal(checkpointOf(dictOf(name)));
    expect(sentence).toMatch(/^best\.pth: is a state dict without a model description, so its wiring and activation/);
    expect(sentence).toContain(`use --cfg ${fitting} (option config)`);
    expect(sentence).toMatch(/if its activation is SiLU everywhere, also in SPPF, otherwise give its yaml$/);
    expect(sentence).not.toContain("\n");
  });

  it("that fits no wiring: says that its yaml is needed", () => {
    const dict = new Map([...dictOf("yolov8n")].filter(([name]) => !name.startsWith("model.9.")));
    expect(refusal(checkpointOf(dict))).toMatch(
      /; give the model's yaml with --cfg \(option config\), or save the whole/,
    );
  });
});

describe("with the description that it fits", () => {
  it.each([
    ["yolov8s", "yolov8n"],
    ["yolo11s", "yolo11n"],
    ["yolo26s", "yolo26n"],
    ["yolov8n-pose", "yolov8n-pose"],
  ])("%s gives the same numbers as the whole model", async (name, config) => {
    const { module } = randomModel(name, 3);
    const found = await forward(resolveModule(checkpointOf(collectStateDict(module)), { config }));
    const wanted = await forward(module);
    expect(found.map(({ shape }) => shape)).toEqual(wanted.map(({ shape }) => shape));
    for (const [i, output] of found.entries()) expect(compare(output, wanted[i]).nmse).toBe(0);
  });

  it.each([
    ["the newer package's own class", (name: string) => `model.${name}`],
    ["its list of layers", (name: string) => name.slice("model.".length)],
  ])("names of %s are understood", async (_, rename) => {
    const { module } = randomModel("yolov8n", 3);
    const dict = new Map([...collectStateDict(module)].map(([name, value]) => [rename(name), value]));
    expect(refusal(checkpointOf(dict))).toContain("use --cfg yolov8n ");
    const [found] = await forward(resolveModule(checkpointOf(dict), { config: "yolov8n" }));
    expect(compare(found, (await forward(module))[0]).nmse).toBe(0);
  });

  it("another one is named with the tensor that is missing", () => {
    expect(refusal(checkpointOf(dictOf("yolov8n")), "yolo11n")).toMatch(/the checkpoint has no tensor model\.\d+\./);
  });
});
