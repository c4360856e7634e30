/** The package in every runtime: imported, detecting in pictures and a video, and its command line. */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { mayHaveVulkan } from "../../src/node/vulkan.js";
import { Matrix } from "../support/matrix.js";
import { ffmpeg, ffmpegMissing } from "../support/video.js";
import { runJson, runServer, SERVER_ANSWER, writeServer } from "./support/server.js";
import { userFolder } from "./support/setup.js";
import { majorVersion, toolProgram } from "./support/tools.js";

const tools = inject("tools");

/** The packages that runtimes come in, and how they start a program. */
const RUNTIMES = [
  { name: "Node", from: "node-20", program: "node-20/bin/node", words: [] },
  { name: "Node", from: "node-22", program: "node-22/bin/node", words: [] },
  { name: "Node", from: "node-24", program: "node-24/bin/node", words: [] },
  { name: "Node", from: "node-26", program: "node-26/bin/node", words: [] },
  { name: "Bun", from: "bun", program: ".bin/bun", words: [] },
  { name: "Deno", from: "deno", program: ".bin/deno", words: ["run", "--allow-all"] },
] as const;

const VIDEO_PROGRAM = `
import { load, readVideo } from "yolov5-ts";
const model = await load("codes", { backend: "wasm" });
const found = [];
for await (const result of model.stream(readVideo(process.argv[2]))) found.push(result.detections.length);
model.dispose();
console.log(JSON.stringify(found));
`;

const installed = RUNTIMES.flatMap((runtime) => {
  const program = tools && toolProgram(tools, runtime.program);
  if (program) return [{ ...runtime, program, version: majorVersion(tools, runtime.from) }];
  if (tools) console.warn(`skipped: ${runtime.from} has no build for ${process.platform}-${process.arch}`);
  return [];
});

describe.skipIf(tools === "" || ffmpegMissing())("runtimes", () => {
  const folder = join(userFolder(tools), "runtimes");
  const cli = join(userFolder(tools), "node_modules/yolov5-ts/dist/cli.js");
  const matrix = new Matrix("runtimes", ["runtime", "import and detect", "video", "command line"]);

  beforeAll(() => {
    writeServer(folder);
    writeFileSync(join(folder, "video.js"), VIDEO_PROGRAM);
    const picture = join(folder, "inputs/codes.png");
    ffmpeg(["-loop", "1", "-i", picture, "-frames:v", "2", "-pix_fmt", "yuv420p", join(folder, "codes.mp4")]);
  });

  test.each(installed.map((item) => [`${item.name} ${item.version}`, item] as const))(
    "%s",
    (name, { program, words }) => {
      const command = [program, ...words];
      expect(runServer([...command, join(folder, "main.js")], join(folder, "inputs"))).toEqual(SERVER_ANSWER);
      expect(runJson([...command, join(folder, "video.js"), join(folder, "codes.mp4")], folder)).toEqual([9, 9]);
      const detect = [
        "detect",
        "--source",
        "inputs/codes.png",
        "--backend",
        "wasm",
        "--nosave",
        "--quiet",
        "--json",
        "-",
      ];
      const { images } = runJson([...command, cli, ...detect], folder) as { readonly images: readonly object[] };
      expect(images).toEqual([expect.objectContaining({ width: 1000, height: 750 })]);
      expect(images[0]).toHaveProperty("detections.length", 9);
      matrix.add(name, "runs", "runs", "runs");
    },
  );

  const newer = installed.find(({ from }) => from === "node-24");
  test.skipIf(!newer)("Node 24 keeps compiled code in the cache folder, unless told not to", () => {
    const { program } = newer as (typeof installed)[number];
    const kept = (name: string, more: NodeJS.ProcessEnv): string[] => {
      const cache = join(folder, name);
      const env = { PATH: process.env.PATH, YOLOV5_CACHE: cache, ...more };
      const { stdout } = spawnSync(program, [cli, "--version"], { encoding: "utf8", env, timeout: 60_000 });
      expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
      return existsSync(join(cache, "code")) ? readdirSync(join(cache, "code")) : [];
    };
    expect(kept("kept", {})).toHaveLength(1);
    expect(kept("not-kept", { NODE_DISABLE_COMPILE_CACHE: "1" })).toEqual([]);
  });

  const deno = installed.find(({ from }) => from === "deno");
  test.skipIf(!deno || !mayHaveVulkan())("Deno's own WebGPU stands in for the optional package", () => {
    const { program, words } = deno as (typeof installed)[number];
    const detect = [
      "detect",
      "--source",
      "inputs/codes.png",
      "--backend",
      "webgpu",
      "--nosave",
      "--quiet",
      "--json",
      "-",
    ];
    const answer = runJson([program, ...words, cli, ...detect], folder);
    expect(answer).toHaveProperty("backend.name", "webgpu");
    expect(answer).toHaveProperty("images[0].detections.length", 9);
  });

  test.skipIf(installed.length < RUNTIMES.length)("docs/consumers.md has the table of these results", () =>
    matrix.check(),
  );
});
