/** Wrong usage: exit code 2, one line that says what to do. Help and version: exit code 0, at once. */

import { describe, expect, test } from "vitest";
import { cli } from "../support.js";

const COMMANDS = ["detect", "verify", "info", "export", "bench"];

describe("help and version", () => {
  test("the program's help lists every command with examples", async () => {
    const { code, stdout, stderr } = await cli(["--help"]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(stdout).toContain("Examples:");
    expect(stdout).toContain("Exit codes: 0 success, 1 an input or the run failed,\n2 wrong usage.");
  });

  test.each(COMMANDS)("%s --help shows the common options and examples", async (name) => {
    const { code, stdout } = await cli([name, "--help"]);
    expect(code).toBe(0);
    for (const text of ["--backend", "--json", "--quiet", "Examples:", "--version"]) {
      expect(stdout.replace("Example:", "Examples:")).toContain(text);
    }
  });

  test("detect --help shows detect.py's options with its defaults", async () => {
    const { stdout } = await cli(["detect", "--help"]);
    const flags =
      "weights source imgsz conf-thres iou-thres max-det classes agnostic-nms augment half save-txt save-conf save-crop nosave project name exist-ok square line-thickness hide-labels hide-conf vid-stride data batch-size retina-masks multi-label view-img visualize update dnn";
    for (const flag of flags.split(" ")) expect(stdout).toContain(`--${flag}`);
    expect(stdout).toContain("(default: 0.25)");
    const words = stdout.replace(/\s+/g, " ");
    expect(words).toContain("default: 0.45; YOLOv5u, v8, 11: 0.7)");
    expect(words).toContain("(default: 1000; YOLOv5u, v8, 11, 26: 300)");
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
      /unknown command 'detct'.*Did you mean detect.*the commands are [a-z, ]*detect, [a-z, ]*verify, [a-z, ]*bench/,
    ],
    [["train"], /unknown command 'train'.*the commands are detect/],
    [["detect", "--soruce", "x"], /unknown option '--soruce'.*Did you mean --source/],
    [["detect", "--frobnicate"], /unknown option '--frobnicate'/],
    [["detect", "bus.jpg"], /too many arguments.*No option takes 'bus\.jpg'; pass pictures with --source and models/],
    [["info", "a.pt"], /No option takes 'a\.pt'; pass models with --weights/],
    [["val", "--data", "x", "b.pt"], /No option takes 'b\.pt'; pass pictures with --data and models with --weights/],
    [["predict"], /use detect to predict/],
    [["Track", "--source", "x.mp4"], /detect --track/],
    [["detect", "--imgsz", "640", "a.jpg"], /'a\.jpg' was taken for a value of --imgsz; pass pictures with --source/],
    [["detect", "--track", "clips/a.mp4"], /'clips\/a\.mp4' was taken for a value of --track/],
    [["detect", "--classes", "0", "photos/"], /'photos\/' was taken for a value of --classes/],
    [["detect", "--weights", "a.pt", "b.jpg"], /: b\.jpg was taken for a model; .*: --weights a\.pt --source b\.jpg$/m],
    [["detect", "--weights", "a.pt", "clip.mp4", "--source", "c.jpg"], /clip\.mp4 was taken for a model; pass it with/],
    [["detect", "--weights", "c.png"], /c\.png was taken for a model; pass it with --source$/m],
    [["detect", "--weights", "codes", "test"], /--weights codes --source test$/m],
    [["detect", "--weights", "codes", "nowhere/*.jpg"], /--weights codes --source nowhere\/\*\.jpg$/m],
    [["detect", "--weights", "a.pt", "0"], /--weights a\.pt --source 0$/m],
    [["detect", "--weights", "a.pt", "rtsp://me:secret@cam/1"], /--weights a\.pt --source rtsp:\/\/me:\*\*\*@cam\/1$/m],
    [["detect", "http://me:secret@cam/1.jpg"], /No option takes 'http:\/\/me:\*\*\*@cam\/1\.jpg'/],
    [["val", "--weights", "a.pt", "coco.yaml"], /'--data <path>' not specified; .*--weights a\.pt --data coco\.yaml$/m],
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
    ...["detect", "val --data x", "info", "export --weights x", "bench", "verify --weights x --reference y"].map(
      (line): [string[], RegExp] => [
        [...line.split(" "), "--device", "tpu"],
        /'tpu' is invalid. It is not a device. Use/,
      ],
    ),
    [["detect", "--device", "cuda:x"], /not a device. Use cpu, a GPU \(0, cuda:0, mps\)/],
    [["detect", "--device", "-1"], /not a device|argument missing/],
    [["compress", "--weights", "x", "--data", "y", "--latency", "tpu"], /'tpu' is invalid. It is not one of auto/],
    [["detect", "--save-csv"], /--save-csv: .*--json FILE/],
    [["detect", "--save-format", "1"], /--save-format 1: .*YOLO/],
    [["val", "--data", "test", "--save-hybrid"], /--save-hybrid: .*--save-txt/],
    [["val", "--data", "test", "--task", "study"], /'study' is invalid.*run val once for each --imgsz/],
    [["export", "--weights", "codes", "--include", "onnx", "--dynamic"], /--dynamic: .*one file for each --imgsz/],
    [["export", "--weights", "codes", "--include", "onnx", "--opset", "11"], /--opset 11: .*opset 13/],
    [["export", "--weights", "codes", "--include", "engine"], /'engine' is invalid.*convert the ONNX file/],
    [["detect", "--image-format", "webp"], /Allowed choices are source, jpg, png/],
    [["detect", "--weights", "random:yolov5n"], /--source is missing/],
    [["detect", "--visualize"], /--visualize: .*model\.tap/],
    [["verify", "--weights", "codes"], /required option '--reference <file>'/],
    [["export"], /required option '--weights <w>'/],
    [["export", "--weights", "codes", "--include", "tflite"], /'tflite' is invalid.*safetensors/],
    [["bench", "--iterations", "0"], /at least 1/],
    [["bench", "--seconds", "-1"], /above 0|argument missing/],
    [["info", "--weights", "random:yolov5q"], /not an architecture; choose one of yolov5n/],
  ])("%j", async (argv, message) => {
    const { code, stdout, stderr } = await cli(argv);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });

  test("without a command, help goes to standard error", async () => {
    const { code, stdout, stderr } = await cli([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: yolov5");
  });

  test("a class that the model lacks is reported before any picture is read", async () => {
    const { code, stderr } = await cli(["detect", "--classes", "4", "--backend", "cpu", "--nosave", "--quiet"]);
    expect(code).toBe(2);
    expect(stderr).toBe("error: classes: 4 is not a class of this model, which has 0 to 3\n");
  });

  test("an ensemble of models with different classes is refused", async () => {
    const argv = ["detect", "--weights", "codes", "random:yolov5n", "--source", "x.jpg", "--json", "-"];
    const { code, stdout, stderr } = await cli([...argv, "--backend", "cpu"]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("ensemble: random:yolov5n has 80 classes, embedded:codes has 4");
  });
});
