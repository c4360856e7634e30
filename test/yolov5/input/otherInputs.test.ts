/** Networks for inputs other than RGB, and state dicts whose description is another project's: said before anything runs. */

import { describe, expect, it } from "vitest";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { collectStateDict } from "../../../src/weights/index.js";
import type { PlainValue } from "../../../src/weights/types.js";
import { resolveModule } from "../../../src/yolov5/checkpoint/modelInfo.js";
import { architecture } from "../../../src/yolov5/config/architectures.js";
import { parseModelConfig } from "../../../src/yolov5/config/modelConfig.js";
import { randomSource } from "../../../src/yolov5/config/sources.js";
import { synthesizeModule } from "../../../src/yolov5/config/synthesize.js";
import { createMember } from "../../../src/yolov5/loadModel.js";

const STRIDES = { strides: [8, 16, 32] };
/** One bottleneck deep and a few channels wide. */
const small = { ...architecture("yolov5n"), depthMultiple: 0.1, widthMultiple: 0.05 };

function load(inputChannels: number, focus = false): string {
  const [stem, ...rest] = small.layers;
  const layers = focus ? [{ ...stem, module: "Focus", args: [64, 3] }, ...rest] : small.layers;
  const module = synthesizeModule({ ...small, inputChannels, layers }, randomSource(1), STRIDES);
  try {
    createMember({ module, checkpoint: { format: "safetensors", module, extra: new Map() } }, createCpuBackend(), {
      path: "best.pt",
    });
  } catch (error) {
    return (error as Error).message;
  }
  return "loaded";
}

describe("inputs other than RGB", () => {
  it.each([
    [
      1,
      /^best\.pt: is a network for inputs with 1 channel \(greyscale\); .* RGB, with 3 channels: give a model trained/,
    ],
    [2, /2 channels/],
    [4, /4 channels \(RGB and one more channel, such as infrared/],
    [6, /6 channels \(two pictures/],
    [8, /^best\.pt: is a network for inputs with 8 channels; this engine/],
  ])("%i channels", (channels, expected) => {
    expect(load(channels)).toMatch(expected);
    expect(load(channels)).not.toContain("conv2d");
  });

  it("a Focus stem folds four pixels, so 16 channels at its convolution mean 4 in the picture", () => {
    expect(load(4, true)).toMatch(/inputs with 4 channels/);
    expect(load(3, true)).toBe("loaded");
  });

  it("RGB is accepted", () => {
    expect(load(3)).toBe("loaded");
  });
});

describe("a state dict with another project's description", () => {
  const stateDict = collectStateDict(synthesizeModule(small, randomSource(1), STRIDES));
  const resolve = (extra: readonly [string, PlainValue][]): string => {
    try {
      resolveModule({ format: "pytorch-zip", stateDict, extra: new Map(extra) }, { path: "best.pth" });
    } catch (error) {
      return (error as Error).message;
    }
    return "resolved";
  };

  it.each<[string, readonly [string, PlainValue][], RegExp]>([
    [
      "a list of channels, as pruning scripts write it",
      [["cfg", [32, 64, "M", 128]]],
      /\(its cfg is a list without YOLOv5's/,
    ],
    ["a file name", [["cfg", "yolor_p6.cfg"]], /its cfg is a text without/],
    ["training options", [["config", new Map<PlainValue, PlainValue>([["lr", 0.01]])]], /its config is a dictionary/],
    ["a number", [["yaml", 3]], /its yaml is a value/],
    ["none", [], /so its wiring and activation are unknown; /],
    ["null", [["cfg", null]], /so its wiring and activation are unknown; /],
  ])("%s", (_, extra, expected) => {
    const sentence = resolve(extra);
    expect(sentence).toMatch(/^best\.pth: is a state dict without a model description/);
    expect(sentence).toMatch(expected);
    expect(sentence).toContain("--cfg");
    expect(sentence.split("\n")).toHaveLength(1);
  });

  it("is loaded by its valid description, whatever else it contains", () => {
    const yaml = new Map<PlainValue, PlainValue>([
      ["nc", 80],
      ["backbone", []],
      ["head", []],
    ]);
    // It is then read as a description: an empty one holds no layers.
    expect(
      resolve([
        ["yaml", "best.yaml"],
        ["cfg", yaml],
      ]),
    ).not.toMatch(/without a model description/);
    expect(() => parseModelConfig({ backbone: 3 })).toThrow("needs the lists backbone and head");
  });
});
