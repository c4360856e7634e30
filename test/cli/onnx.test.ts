/** Commands on ONNX exports: what this engine writes for its embedded model works like the model itself. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { planPruning, pruneChannels } from "../../src/compress/index.js";
import { openOnnx } from "../../src/yolov5/onnx/index.js";
import { writeOnnx } from "../support/onnxWriter.js";
import { scaledInFile, tinyExport } from "../yolov5/onnx/tinyExport.js";
import { cli, EXAMPLE, FAST, fixture, scratchFolder, TINY } from "./support.js";

const folder = await scratchFolder();
const CODES = join(folder, "codes.onnx");

interface Detections {
  readonly model: { readonly names: readonly string[] };
  readonly images: readonly {
    readonly detections: readonly { readonly xmin: number; readonly confidence: number }[];
  }[];
}

async function detections(weights: string): Promise<Detections> {
  const argv = ["detect", "--weights", weights, "--source", EXAMPLE, "--nosave", "--quiet", "--json", "-", ...FAST];
  const { code, stdout, stderr } = await cli(argv);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout) as Detections;
}

describe("an ONNX export on the command line", () => {
  beforeAll(async () => {
    const { code } = await cli([
      "export",
      "--weights",
      "codes",
      "--include",
      "onnx",
      "--imgsz",
      "128",
      "--output",
      CODES,
    ]);
    expect(code).toBe(0);
  });

  test("detect finds the model's boxes at the input size of the export", async () => {
    const [found, wanted] = [await detections(CODES), await detections("codes")];
    expect(found.model.names).toEqual(wanted.model.names);
    const boxes = wanted.images[0].detections;
    expect(boxes.length).toBeGreaterThan(3);
    expect(found.images[0].detections.length).toBe(boxes.length);
    for (const [i, box] of found.images[0].detections.entries()) {
      expect(Math.abs(box.xmin - boxes[i].xmin)).toBeLessThan(0.05);
      expect(Math.abs(box.confidence - boxes[i].confidence)).toBeLessThan(2e-4);
    }
  });

  test("info says what it is", async () => {
    const { stdout } = await cli(["info", "--weights", CODES, "--layers"]);
    expect(stdout).toMatch(/^file +.*codes\.onnx \(onnx\)$/m);
    expect(stdout).toMatch(/^layout +layers of an ONNX export$/m);
    expect(stdout).toMatch(/^exported for +128×128$/m);
    expect(stdout).toMatch(/^opset +13$/m);
    expect(stdout).toMatch(/^ +24 .* Detect /m);
  });

  test("verify compares PyTorch's layers", async () => {
    const reference = fixture("codes.layers.safetensors");
    const { code, stdout } = await cli(["verify", "--weights", CODES, "--reference", reference, "--backend", "cpu"]);
    expect(stdout).toMatch(/agree with PyTorch/);
    expect(code).toBe(0);
  });

  test("bench measures it, and export writes it as safetensors that find the same boxes", async () => {
    const bench = await cli(["bench", "--weights", CODES, "--iterations", "1", "--warmup", "0", ...TINY]);
    expect(bench.code).toBe(0);
    expect(bench.stdout).toMatch(/codes\.onnx/);
    const target = join(folder, "codes.safetensors");
    expect((await cli(["export", "--weights", CODES, "--output", target])).code).toBe(0);
    expect((await detections(target)).images[0].detections).toEqual((await detections(CODES)).images[0].detections);
  });

  test("val measures it, and export --int8 calibrates it", async () => {
    const argv = ["--weights", CODES, "--imgsz", "64"];
    const target = join(folder, "int8.safetensors");
    const int8 = await cli(["export", ...argv, "--int8", "--data", EXAMPLE.replace(/[^/]*$/, ""), "--output", target]);
    expect(int8.stderr).toBe("");
    expect(int8.stdout).toMatch(/convolutions in int8/);
  });

  test("compress prunes its channels", async () => {
    const { module } = openOnnx(new Uint8Array(await readFile(CODES)), CODES);
    if (!module) throw new Error("no module");
    expect(planPruning(module).grouping.groups.length).toBeGreaterThan(5);
    expect(pruneChannels(module, { amount: 0.2, scope: "global" }).removed).toBeGreaterThan(0.1);
  });

  test("without names it takes those of --data, or is refused in one line", async () => {
    const nameless = join(folder, "tiny.onnx");
    await writeFile(nameless, writeOnnx({ ...tinyExport(), metadata: {} }));
    const data = join(folder, "data.yaml");
    await writeFile(data, "names: [cat, dog]\n");
    const argv = ["detect", "--source", EXAMPLE, "--nosave", "--quiet", "--json", "-", "--weights", nameless, ...TINY];
    expect((JSON.parse((await cli([...argv, "--data", data])).stdout) as Detections).model.names).toEqual([
      "cat",
      "dog",
    ]);
    await writeFile(nameless, writeOnnx({ ...tinyExport(), opset: 5 }));
    const { code, stderr } = await cli(argv);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^[^\n]*tiny\.onnx: is an ONNX model with opset 5; [^\n]*\n$/);
  });

  test("whose head decodes in a way of its own runs at its size only, and is not written again", async () => {
    const own = join(folder, "own.onnx");
    await writeFile(own, writeOnnx(scaledInFile()));
    const weights = ["--weights", own];
    const facts = (await cli(["info", ...weights])).stdout;
    expect(facts).toMatch(/^exported for +64×64$/m);
    expect(facts).toMatch(/^decoding +by the file's own operators, at this size only$/m);
    const detect = ["detect", ...weights, "--source", EXAMPLE, "--nosave", "--quiet", "--json", "-", "--conf", "0.01"];
    const { stdout, stderr } = await cli(detect);
    expect(stderr).toBe("");
    expect((JSON.parse(stdout) as Detections).images[0].detections.length).toBeGreaterThan(0);
    const other = await cli([...detect, "--imgsz", "96"]);
    expect(other.code).not.toBe(0);
    expect(other.stderr).toMatch(/^[^\n]*imgsz 96×96: [^\n]*own\.onnx runs only at 64×64[^\n]*\n$/);
    for (const argv of [
      ["export", ...weights],
      ["export", ...weights, "--include", "onnx"],
      ["export", ...weights, "--int8", "--data", EXAMPLE],
      ["compress", ...weights, "--data", "no.yaml"],
    ]) {
      const { code, stderr: refusal } = await cli(argv);
      expect(code).toBe(2);
      expect(refusal).toMatch(
        /own\.onnx: the file's own operators decode its head, and (export|compress) cannot write/,
      );
    }
  });

  test("the help of --weights mentions it", async () => {
    expect((await cli(["detect", "--help"])).stdout.replace(/\s+/g, " ")).toMatch(
      /path or URL of a \.pt, \.safetensors or \.onnx file/,
    );
  });
});
