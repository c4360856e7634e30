/** Sizes that no real network has are refused in one sentence, before anything is allocated for them. */

import { describe, expect, it } from "vitest";
import { writeSafetensors } from "../../src/weights/index.js";
import { conv, modelFile } from "./hostileFiles.js";
import { hostileOpener } from "./hostileOpener.js";
import { bytes, int, le, moduleOps } from "./support.js";

const open = hostileOpener();
const transposed = "torch.nn.modules.conv.ConvTranspose2d";

describe("networks beyond all real ones are refused in one sentence", () => {
  const layer = (type: string, attributes: Readonly<Record<string, string>>): Uint8Array =>
    modelFile({ layers: [moduleOps(type, {}, {}, attributes)] });
  it.each<[string, () => Uint8Array, string]>([
    ["a kernel of 0×0", () => modelFile({ layers: [conv([8, 8, 0, 0])] }), "every dimension"],
    [
      "a transposed stride of 1000",
      () => modelFile({ layers: [conv([8, 8, 2, 2], { stride: int(1000) }, transposed)] }),
      "at most 64",
    ],
    [
      "a transposed stride of 65536",
      () => modelFile({ layers: [conv([8, 8, 2, 2], { stride: int(65536) }, transposed)] }),
      "at most 64",
    ],
    ["a border of 10^6", () => layer("torch.nn.ZeroPad2d", { padding: int(1e6) }), "does not fit"],
    ["a padding of 10^6", () => modelFile({ layers: [conv([8, 8, 1, 1], { padding: int(1e6) })] }), "at most 1024"],
    ["a dilation of 10^6", () => modelFile({ layers: [conv([8, 8, 3, 3], { dilation: int(1e6) })] }), "at most 1024"],
    [
      "a pool of 10^5",
      () => layer("torch.nn.MaxPool2d", { kernel_size: int(1e5), stride: int(1), padding: int(5e4) }),
      "at most 1024",
    ],
    ["upsampling by 10^4", () => layer("torch.nn.Upsample", { scale_factor: int(1e4) }), "at most 64"],
    [
      "upsampling by 64 twice",
      () => modelFile({ layers: [1, 2].map(() => moduleOps("torch.nn.Upsample", {}, {}, { scale_factor: int(64) })) }),
      "times the network's input",
    ],
    [
      "more channels than exist for groups",
      () => modelFile({ layers: [conv([8, 8, 1, 1], { groups: int(1e9) })] }),
      "groups",
    ],
  ])(
    "%s",
    (_, make, message) => {
      for (const backend of ["cpu", "wasm"]) {
        const result = open(make(), backend);
        expect(result.opened).toBe(false);
        expect(result.message).toContain(message);
      }
    },
    600_000,
  );

  it("a transposed convolution of stride 32, most of whose phases have no tap, runs on wasm", () => {
    open(modelFile({ layers: [conv([8, 8, 1, 1], { stride: int(32) }, transposed)] }), "wasm");
  });

  it.each([
    ["depth", { depth_multiple: 1e300 }],
    ["width", { width_multiple: 1e300 }],
    ["anchors", { anchors: 1e9 }],
  ])("a description with excessive %s", (_, more) => {
    const description = {
      nc: 1,
      backbone: [[-1, 3, "Conv", [8, 1, 1]]],
      head: [[[0], 1, "Detect", ["nc", "anchors"]]],
    };
    const file = writeSafetensors(
      new Map([["model.0.conv.weight", { dtype: "float32" as const, shape: [1], data: new Float32Array(1) }]]),
      new Map([["yaml", JSON.stringify({ anchors: 3, ...description, ...more })]]),
    );
    expect(open(file)).toMatchObject({ opened: false });
  });

  it("a deeply nested data type of a tensor", () => {
    const json = `{"a":{"dtype":${"[".repeat(100_000)}${"]".repeat(100_000)},"shape":[1],"data_offsets":[0,4]}}`;
    expect(open(bytes(le(json.length, 8), json, le(0)))).toMatchObject({ opened: false });
  });
});
