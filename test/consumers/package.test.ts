/** The package itself: its checkers, and how it is imported without a bundler and by servers of Vite. */

import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InlineConfig, ViteDevServer } from "vite";
import { describe, expect, inject, test } from "vitest";
import { REPOSITORY } from "../support/reference.js";
import { userFolder } from "./support/setup.js";
import { importTool } from "./support/tools.js";

const tools = inject("tools");

describe.skipIf(tools === "")("the package", () => {
  const user = userFolder(tools);
  const tarball = (): string => join(user, readdirSync(user).find((name) => name.endsWith(".tgz")) ?? "no tarball");

  /** Runs a program of the tools. @returns exit code and what it printed. */
  function runTool(path: string, words: readonly string[]): { readonly status: number | null; readonly said: string } {
    const command = [join(tools, "node_modules", path), ...words];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, {
      cwd: REPOSITORY,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
      timeout: 300_000,
    });
    return { status, said: stdout + stderr };
  }

  test("publint finds nothing, not even a suggestion", () => {
    const { status, said } = runTool("publint/src/cli.js", ["--strict", tarball()]);
    expect(said).toContain("All good!");
    expect(status).toBe(0);
  });

  test("attw finds no wrong types: ES modules for every resolution", () => {
    const { status, said } = runTool("@arethetypeswrong/cli/dist/index.js", ["--format", "json", tarball()]);
    expect(status, said).toBe(0);
    const problems = (JSON.parse(said) as { readonly analysis: { readonly problems: readonly { kind: string }[] } })
      .analysis.problems;
    expect(problems.filter(({ kind }) => kind !== "CJSResolvesToESM")).toEqual([]);
  });

  test.each([
    [
      "import",
      "module.mjs",
      'import { load, loadInWorker } from "yolov5-ts"; console.log(typeof load, typeof loadInWorker);',
    ],
    [
      "require",
      "script.cjs",
      'const { load, loadInWorker } = require("yolov5-ts"); console.log(typeof load, typeof loadInWorker);',
    ],
  ])("%s in Node", (_, file, text) => {
    writeFileSync(join(user, file), text);
    const { stdout, stderr } = spawnSync(process.execPath, [join(user, file)], { encoding: "utf8", timeout: 60_000 });
    expect([stdout.trim(), stderr]).toEqual(["function function", ""]);
  });

  test.each([
    ["left to Node", {}],
    ["bundled", { noExternal: true as const }],
  ])("a Vite server renders a component that loads in a worker, with the package %s", async (_, ssr) => {
    const root = join(user, "ssr");
    cpSync(join(REPOSITORY, "test/consumers/apps/ssr"), root, { recursive: true });
    const { createServer } = await importTool<{ createServer: (config: InlineConfig) => Promise<ViteDevServer> }>(
      tools,
      "vite",
    );
    const middleware = { middlewareMode: true, ws: false, watch: null } as const;
    const server = await createServer({
      configFile: false,
      root,
      logLevel: "error",
      appType: "custom",
      ssr,
      server: middleware,
    });
    try {
      const component = await server.ssrLoadModule("/component.js");
      expect(component.render()).toBe("<div id=app></div>");
      await expect(component.mount()).rejects.toThrow(
        "loadInWorker needs a web page or a web worker; in Node use load()",
      );
    } finally {
      await server.close();
    }
  });
});
