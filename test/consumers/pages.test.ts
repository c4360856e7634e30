/** Pages built with the bundlers that are installed for these tests, and an application of Next.js, run in Chromium. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { expectApplication, layApplication } from "../browser/support/application.js";
import { chromiumMissing, launchChromium, watchErrors } from "../browser/support/chromium.js";
import { Matrix } from "../support/matrix.js";
import { REPOSITORY } from "../support/reference.js";
import { bunForPages, rollupForPages, viteForPages } from "./support/moreBundlers.js";
import { runWebpack } from "./support/nodeBundlers.js";
import { userFolder } from "./support/setup.js";
import { majorVersion, toolProgram } from "./support/tools.js";

const tools = inject("tools");

/** Builds `app/main.js` into `out/main.js`. */
type BuildPage = (app: string, out: string) => Promise<void> | void;

function bundlers(): [name: string, build: BuildPage][] {
  const tool = (name: string): string => majorVersion(tools, name);
  const bun = toolProgram(tools, ".bin/bun");
  return [
    [`Vite ${tool("vite")}`, (app, out) => viteForPages(tools, app, out)],
    [`Rollup ${tool("rollup")}`, (app, out) => rollupForPages(tools, join(app, "main.js"), out)],
    [
      `webpack ${majorVersion(REPOSITORY, "webpack")} (ES modules)`,
      (app, out) =>
        runWebpack({
          context: app,
          entry: "./main.js",
          performance: false,
          output: { path: out, filename: "main.js", chunkFormat: "module", module: true },
          experiments: { outputModule: true },
        }),
    ],
    ...(bun
      ? [[`Bun ${tool("bun")}`, (app: string, out: string) => bunForPages(bun, app, out)] as [string, BuildPage]]
      : []),
  ];
}

/** A production server of Next.js; resolves with its address. */
function startNext(next: string, app: string): Promise<{ readonly origin: string; readonly server: ChildProcess }> {
  const server = spawn(process.execPath, [next, "start", "--port", "0", "--hostname", "127.0.0.1"], {
    cwd: app,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let said = "";
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => end(() => reject(new Error(`next start said nothing of an address: ${said}`))),
      120_000,
    );
    const end = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    const hear = (chunk: Buffer): void => {
      said += chunk;
      const [origin] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
      if (origin && /Ready/.test(said)) end(() => resolve({ origin, server }));
    };
    server.stdout.on("data", hear);
    server.stderr.on("data", hear);
    server.once("exit", (code) => end(() => reject(new Error(`next start ended with ${code}: ${said}`))));
  });
}

describe.skipIf(tools === "" || chromiumMissing())("pages", () => {
  const user = userFolder(tools);
  const matrix = new Matrix("pages", ["bundler", "page", "worker", "server"]);
  let browser: Browser;
  const servers: ChildProcess[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    // Next.js starts processes of its own: the group goes.
    for (const { pid } of servers) if (pid) process.kill(-pid, "SIGKILL");
  });

  test.each(tools === "" ? [] : bundlers())("%s", async (name, build) => {
    const app = join(user, `page-${name.replaceAll(/\W+/g, "-")}`);
    const out = layApplication(app);
    await build(app, out);
    await expectApplication(browser, app, join(user, "node_modules/yolov5-ts"));
    matrix.add(name, "runs", "runs", "");
  });

  test.each(["webpack", "turbopack"])(
    "Next.js with %s runs a page, a client component and a route handler",
    async (compiler) => {
      const app = join(user, `next-${compiler}`);
      cpSync(join(REPOSITORY, "test/consumers/apps/next"), app, { recursive: true });
      mkdirSync(join(app, "public"));
      cpSync(join(user, "node_modules/yolov5-ts/models/codes.safetensors"), join(app, "public/codes.safetensors"));
      // Chromium asks every site for its icon.
      for (const name of ["codes.png", "favicon.ico"])
        cpSync(join(REPOSITORY, "examples/codes.png"), join(app, "public", name));
      const next = join(tools, "node_modules/next/dist/bin/next");
      const env = { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" };
      const built = spawnSync(process.execPath, [next, "build", `--${compiler}`], {
        cwd: app,
        encoding: "utf8",
        env,
        timeout: 500_000,
        killSignal: "SIGKILL",
      });
      expect(built.status, built.stdout + built.stderr).toBe(0);
      expect(built.stdout + built.stderr).not.toMatch(/warning|yolov5-ts/i);
      const { origin, server } = await startNext(next, app);
      servers.push(server);
      expect(await (await fetch(`${origin}/api/detect`)).json()).toEqual({ detections: 9 });
      expect(await (await fetch(origin)).text()).toContain("<p>detecting</p>");
      const page = await browser.newPage();
      const errors = watchErrors(page);
      await page.goto(origin);
      expect(await page.textContent("#answer", { timeout: 120_000 })).toMatch(/^wasm: 2 qr_codes, /);
      expect(errors).toEqual([]);
      await page.close();
      expect(existsSync(join(app, "node_modules"))).toBe(false);
      matrix.add(`Next.js ${majorVersion(tools, "next")} (${compiler})`, "runs", "runs", "runs");
    },
  );

  test("docs/consumers.md has the table of these results", () => matrix.check());
});
