/** Servers bundled with the Node entry: built by every bundler in both formats, and run. */

import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Matrix } from "../support/matrix.js";
import { REPOSITORY } from "../support/reference.js";
import { bunForNode, rollupForNode, viteForNode } from "./support/moreBundlers.js";
import {
  type BundleForNode,
  bundleWithEsbuild,
  bundleWithEsbuildMinified,
  bundleWithWebpack,
  EXTENSION,
  type Format,
} from "./support/nodeBundlers.js";
import { NOT_WITH_BUNDLE, runServer, SERVER_ANSWER, writeServer } from "./support/server.js";
import { userFolder } from "./support/setup.js";
import { majorVersion, toolProgram } from "./support/tools.js";

const tools = inject("tools");

interface Case {
  readonly bundler: string;
  readonly bundle: BundleForNode;
  /** The bundle found the embedded model where nothing else of the package is. */
  readonly carries: boolean;
}

function cases(): Case[] {
  const bun = toolProgram(tools, ".bin/bun");
  const own = (name: string): string => majorVersion(REPOSITORY, name);
  const tool = (name: string): string => majorVersion(tools, name);
  return [
    { bundler: "esbuild", bundle: bundleWithEsbuild, carries: false },
    { bundler: "esbuild `--minify`", bundle: bundleWithEsbuildMinified, carries: false },
    { bundler: `webpack ${own("webpack")}`, bundle: bundleWithWebpack, carries: true },
    { bundler: `Rollup ${tool("rollup")}`, bundle: rollupForNode(tools), carries: false },
    { bundler: `Vite ${tool("vite")} (SSR build)`, bundle: viteForNode(tools), carries: false },
    ...(bun ? [{ bundler: `Bun ${tool("bun")}`, bundle: bunForNode(bun), carries: false }] : []),
  ];
}

const FORMATS = { esm: "ES modules", cjs: "CommonJS" } as const satisfies Record<Format, string>;

describe.skipIf(tools === "")("the Node entry in bundles", () => {
  const folder = join(userFolder(tools), "server");
  const elsewhere = `${tools}-elsewhere`;
  const matrix = new Matrix("bundles for Node", ["bundler", "format", "where the package is installed", "moved away"]);

  beforeAll(() => writeServer(folder));
  afterAll(() => rmSync(elsewhere, { recursive: true, force: true }));

  const rows =
    tools === ""
      ? []
      : cases().flatMap((item) =>
          (["esm", "cjs"] as const).map((format) => [`${item.bundler}, ${format}`, format, item] as const),
        );
  test.each(rows)("%s", async (_, format, { bundler, bundle, carries }) => {
    const file = `main.${EXTENSION[format]}`;
    const out = join(folder, `${bundler.replaceAll(/\W+/g, "-")}-${format}`);
    await bundle(join(folder, "main.js"), join(out, file), format);
    const run = (program: string): unknown => runServer([process.execPath, program], join(folder, "inputs"));
    expect(run(join(out, file))).toEqual(SERVER_ANSWER);
    rmSync(elsewhere, { recursive: true, force: true });
    cpSync(out, elsewhere, { recursive: true });
    const moved = run(join(elsewhere, file));
    // Bun's CommonJS keeps the place of the build, as long as that is there.
    if (!carries && moved !== NOT_WITH_BUNDLE) expect([bundler.split(" ")[0], format]).toEqual(["Bun", "cjs"]);
    if (carries) expect(moved).toEqual(SERVER_ANSWER);
    cpSync(
      join(userFolder(tools), "node_modules/yolov5-ts/models/codes.safetensors"),
      join(elsewhere, "codes.safetensors"),
    );
    expect(run(join(elsewhere, file))).toEqual(SERVER_ANSWER);
    matrix.add(
      bundler,
      FORMATS[format],
      "runs",
      carries ? "runs: the model is in the build" : "runs with the model's file beside it",
    );
  });

  test("docs/consumers.md has the table of these results", () => matrix.check());
});
