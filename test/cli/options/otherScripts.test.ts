/** The command lines of YOLOv5's own scripts: other spellings, devices, options that mean nothing here. */

import { describe, expect, test } from "vitest";
import { resolveAliases } from "../../../src/cli/options/aliases.js";
import { backend, device } from "../../../src/cli/options/devices.js";
import { cli, EXAMPLE, fixture } from "../support.js";

test("aliases of options work", () => {
  const resolved = (line: string): string => resolveAliases(line.split(" ")).join(" ");
  expect(resolved("detect --img 640 --conf .4")).toBe("detect --imgsz 640 --conf-thres .4");
  expect(resolved("detect --iou=.5 --batch 2")).toBe("detect --iou-thres=.5 --batch-size 2");
  // The last use of a size counts.
  expect(resolved("detect --img 640 480 --half --img-size=320 --nosave")).toBe("detect --half --imgsz=320 --nosave");
  expect(resolved("detect --imgsz=640 --imgsz 320 256")).toBe("detect --imgsz 320 256");
  expect(resolveAliases(["detect", "--", "--img"])).toEqual(["detect", "--", "--img"]);
});

test("underscores and unambiguous prefixes of options work", () => {
  const known = ["--conf-thres", "--save-txt", "--save-conf", "--name", "--nosave", "--imgsz", "--vid-stride"];
  const resolved = (line: string): string => resolveAliases(line.split(" "), known).join(" ");
  expect(resolved("detect --conf_thres .4 --save_txt --name a_b")).toBe("detect --conf-thres .4 --save-txt --name a_b");
  expect(resolved("detect --vid_s=2 --save-t")).toBe("detect --vid-stride=2 --save-txt");
  expect(resolved("detect --img_size 320 --no-save")).toBe("detect --imgsz 320 --nosave");
  // Of two that fit none is taken, and what nothing fits is told as it was typed.
  expect(resolved("detect --save --foo_bar")).toBe("detect --save --foo_bar");
});

test.each([
  ["cpu", "wasm"],
  ["CPU ", "wasm"],
  ["0", "webgpu"],
  ["cuda:0", "webgpu"],
  ["cuda", "webgpu"],
  ["mps", "webgpu"],
  ["0,1", "webgpu"],
  ["cuda:0,cuda:1", "webgpu"],
  ["3", "webgpu"],
  ["", "auto"],
  ["None", "auto"],
  ["auto", "auto"],
  ["wasm", "wasm"],
  ["gpujs", "gpujs"],
])("--device %j is %s", (text, expected) => {
  const { backend: chosen, note, gpu } = device(text);
  expect(chosen).toBe(expected);
  expect(gpu).toBe(expected === "webgpu");
  expect(note !== undefined).toBe(/cpu|,|[1-9]/i.test(text));
});

test("--backend takes its own names, and GPU numbers for WebGPU", () => {
  expect(["cpu", "wasm", "0", "cuda:1", "mps", ""].map(backend)).toEqual([
    "cpu",
    "wasm",
    "webgpu",
    "webgpu",
    "webgpu",
    "auto",
  ]);
});

describe("--device in a run", () => {
  const argv = ["--imgsz", "64", "--threads", "1"];

  test("cpu is wasm, with a note; of two options for the same thing, the last counts", async () => {
    const { code, stdout } = await cli(["detect", "--nosave", "--device", "cpu", ...argv]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^note: --device cpu: runs on wasm, .*--backend cpu$/m);
    expect(stdout).toMatch(/^Backend: wasm /m);
    const other = await cli(["detect", "--nosave", "--device", "cpu", "--backend", "cpu", ...argv]);
    expect(other.stdout).toMatch(/^Backend: cpu /m);
    expect(other.stdout).not.toContain("note: --device");
  });

  test("works in info, bench and compress", async () => {
    const info = await cli(["info", "--memory", "--device", "cpu", ...argv, "--json", "-"]);
    expect(JSON.parse(info.stdout).backend.name).toBe("wasm");
    expect(info.stderr).toContain("note: --device cpu");
    const bench = await cli([
      "bench",
      "--weights",
      "codes",
      "--device=cpu",
      ...argv,
      "--iterations",
      "1",
      "--json",
      "-",
    ]);
    expect(JSON.parse(bench.stdout).rows.map(({ backend: name }: { backend: string }) => name)).toEqual(["wasm"]);
  });

  test("a GPU number on a machine without one gives webgpu's own message, not another backend", async () => {
    const { code, stdout, stderr } = await cli(["detect", "--nosave", "--device", "0,1", ...argv]);
    expect(stdout).toMatch(/^note: --device 0,1: runs on a single GPU/m);
    if (code === 0) expect(stdout).toMatch(/^Backend: webgpu /m);
    else expect(stderr).toMatch(/^error: webgpu: [^\n]+\n$/i);
  });
});

test("options of YOLOv5's scripts without an effect are reported once, and the run continues", async () => {
  const argv = ["detect", "--view_img", "--update", "--dnn", "--save-format", "0", "--nosave", "--imgsz", "64"];
  const { code, stderr } = await cli([...argv, "--conf_thres", "0.5", "--line_thick", "2", "--hide-l"]);
  expect(code).toBe(0);
  expect(stderr.split("\n").filter(Boolean)).toEqual([
    expect.stringMatching(/^warning: --view-img: no window is opened/),
    expect.stringMatching(/^warning: --update: there is nothing to update/),
    expect.stringMatching(/^warning: --dnn: /),
    "warning: --line-thickness has no effect when nothing is drawn",
    "warning: --hide-labels has no effect when nothing is drawn",
  ]);
});

/** Every option of YOLOv5 v7.0's scripts, by the command that does their work here. */
const THEIRS: Readonly<Record<string, string>> = {
  detect:
    "weights source data imgsz img img-size conf-thres iou-thres max-det device view-img save-txt save-csv save-conf save-crop nosave classes agnostic-nms augment visualize update project name exist-ok line-thickness hide-labels hide-conf half dnn vid-stride save-format retina-masks",
  val: "data weights batch-size imgsz img img-size conf-thres iou-thres max-det task device workers single-cls augment verbose save-txt save-hybrid save-conf save-json project name exist-ok half dnn",
  export:
    "data weights imgsz img img-size batch-size device half inplace keras optimize int8 dynamic simplify opset verbose workspace nms agnostic-nms topk-per-class topk-all iou-thres conf-thres include",
};

test.each(Object.entries(THEIRS))(
  "%s knows every option of YOLOv5's script, also with underscores",
  async (name, list) => {
    for (const flag of list.split(" ")) {
      for (const spelling of new Set([flag, flag.replaceAll("-", "_")])) {
        // The first word may be taken as the option's value, the second never: nothing runs, nothing is written.
        const { code, stderr } = await cli([name, `--${spelling}`, "--frobnicate", "--frobnicate-too"]);
        expect(code, spelling).toBe(2);
        expect(`${spelling}: ${stderr}`).not.toMatch(new RegExp(`unknown option '--${spelling}'`));
      }
    }
  },
);

test("a model among the sources is reported with what it was taken for", async () => {
  const argv = ["detect", "--source", EXAMPLE, fixture("v6.pt"), "--nosave", "--imgsz", "64", "--json", "-"];
  const { code, stdout, stderr } = await cli(argv);
  expect(code).toBe(1);
  expect(stderr).toMatch(/v6\.pt: .* \(it was taken for a picture; pass models with --weights\)$/m);
  expect(JSON.parse(stdout).images[0].detections).toBeDefined();
});
