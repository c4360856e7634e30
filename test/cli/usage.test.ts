/** Wrong usage: exit code 2, one line that says what to do. Help and version: exit code 0, at once. */

import { describe, expect, test } from "vitest";
import { resolveAliases } from "../../src/cli/aliases.js";
import { cli } from "./support.js";

const COMMANDS = ["detect", "verify", "info", "export", "bench"];

describe("help and version", () => {
  test("the program's help lists every command with examples", async () => {
    const { code, stdout, stderr } = await cli(["--help"]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(stdout).toContain("Examples:");
    expect(stdout).toContain("Exit codes: 0 done, 1 an input or the run failed,\n2 wrong usage.");
  });

  test.each(COMMANDS)("%s --help shows the common options and examples", async (name) => {
    const { code, stdout } = await cli([name, "--help"]);
    expect(code).toBe(0);
    for (const text of ["--backend", "--json", "--quiet", "Examples:", "--version"]) {
      expect(stdout.replace("Example:", "Examples:")).toContain(text);
    }
  });

  test("detect --help shows detect.py's flags with its defaults", async () => {
    const { stdout } = await cli(["detect", "--help"]);
    const flags =
      "weights source imgsz conf-thres iou-thres max-det classes agnostic-nms augment half save-txt save-conf save-crop nosave project name exist-ok square line-thickness hide-labels hide-conf vid-stride data batch-size retina-masks multi-label view-img visualize update dnn";
    for (const flag of flags.split(" ")) expect(stdout).toContain(`--${flag}`);
    expect(stdout).toContain("(default: 0.25)");
    expect(stdout).toContain("(default: 0.45)");
    expect(stdout).toContain("(default: 1000)");
    expect(stdout).toContain('(default: "exp")');
  });

  test.each([["--version"], ["-V"], ["detect", "--version"]])("%s", async (...argv) => {
    const { code, stdout } = await cli(argv);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^(dev|\d+\.\d+\.\d+)\n$/);
  });
});

test("--threads reaches the wasm backend", async () => {
  const argv = ["detect", "--backend", "wasm", "--threads", "1", "--imgsz", "64", "--nosave"];
  expect((await cli(argv)).stdout).toMatch(/^Backend: wasm \(WebAssembly .*, 1 thread\), float32$/m);
});

describe("wrong usage", () => {
  test.each<[string[], RegExp]>([
    [
      ["detct"],
      /unknown command 'detct'.*Did you mean detect.*there are [a-z, ]*detect, [a-z, ]*verify, [a-z, ]*bench/,
    ],
    [["train"], /unknown command 'train'.*there are detect/],
    [["detect", "--sauce", "x"], /unknown option '--sauce'.*Did you mean --source/],
    [["detect", "--frobnicate"], /unknown option '--frobnicate'/],
    [["detect", "bus.jpg"], /too many arguments.*--source/],
    [["detect", "--weights"], /argument missing/],
    [["detect", "--imgsz", "big"], /'big' is invalid.*not a number/],
    [["detect", "--imgsz", "0"], /'0' is invalid.*at least 1/],
    [["detect", "--imgsz", "640", "480", "320"], /'320' is invalid.*height and width/],
    [["detect", "--imgsz", "100000"], /at most 16384/],
    [["detect", "--conf-thres", "1.5"], /between 0 and 1/],
    [["val", "--data", "x", "--threads", "0"], /'0' is invalid.*at least 1/],
    [["detect", "--conf", ""], /not a number/],
    [["detect", "--iou-thres", "x"], /not a number/],
    [["detect", "--max-det", "0"], /at least 1/],
    [["detect", "--batch-size", "1.5"], /whole number/],
    [["detect", "--classes", "a"], /not a number/],
    [["detect", "--backend", "tpu"], /not one of auto, webgpu, wasm, cpu, gpujs/],
    [["detect", "--device", "0"], /for a GPU of any maker use webgpu/],
    [["detect", "--image-format", "webp"], /Allowed choices are source, jpg, png/],
    [["detect", "--weights", "random:yolov5n"], /--source is missing/],
    [["detect", "--visualize"], /--visualize: .*model\.tap/],
    [["verify", "--weights", "codes"], /required option '--reference <file>'/],
    [["export"], /required option '--weights <w>'/],
    [["export", "--weights", "codes", "--include", "tflite"], /'tflite' is invalid.*safetensors/],
    [["bench", "--iterations", "0"], /at least 1/],
    [["bench", "--seconds", "-1"], /above 0|argument missing/],
    [["info", "--weights", "random:yolov5q"], /no architecture; there are yolov5n/],
  ])("%j", async (argv, message) => {
    const { code, stdout, stderr } = await cli(argv);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });

  test("no command: help on standard error", async () => {
    const { code, stdout, stderr } = await cli([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: yolov5");
  });

  test("a class that the model lacks is told before any picture is read", async () => {
    const { code, stderr } = await cli(["detect", "--classes", "4", "--backend", "cpu", "--nosave", "--quiet"]);
    expect(code).toBe(2);
    expect(stderr).toBe("error: classes: 4 is no class of this model, which has 0 to 3\n");
  });

  test("an ensemble of models with other classes", async () => {
    const argv = ["detect", "--weights", "codes", "random:yolov5n", "--source", "x.jpg", "--json", "-"];
    const { code, stdout, stderr } = await cli([...argv, "--backend", "cpu"]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("ensemble: random:yolov5n has 80 classes, embedded:codes has 4");
  });
});

test("aliases of flags", () => {
  const resolved = (line: string): string => resolveAliases(line.split(" ")).join(" ");
  expect(resolved("detect --img 640 --device=cpu --conf .4")).toBe("detect --imgsz 640 --backend=cpu --conf-thres .4");
  expect(resolved("detect --iou=.5 --batch 2")).toBe("detect --iou-thres=.5 --batch-size 2");
  // The last use of a size counts.
  expect(resolved("detect --img 640 480 --half --img-size=320 --nosave")).toBe("detect --half --imgsz=320 --nosave");
  expect(resolved("detect --imgsz=640 --imgsz 320 256")).toBe("detect --imgsz 320 256");
  expect(resolveAliases(["detect", "--", "--img"])).toEqual(["detect", "--", "--img"]);
});
