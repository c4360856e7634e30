/** The built demo page on the hosts that people have: with and without headers, below a path, offline, as a file. */

import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumMissing, launchChromium } from "../support/chromium.js";
import { demoSites, type Host, LONG, openDemo, PATIENCE, ready } from "../support/demo.js";
import { createWorkspace, type Workspace } from "../support/dist.js";
import { buildDemo } from "../support/pages.js";
import { ISOLATION, type Site, serveSite } from "../support/server.js";

const isolated = (page: Page): Promise<boolean> => page.evaluate(() => globalThis.crossOriginIsolated);
const badge = (page: Page): Promise<string | null> => page.textContent("#badge-text");

describe.skipIf(chromiumMissing())("hosting the demo page", LONG, () => {
  let workspace: Workspace;
  let built: string;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    workspace = createWorkspace();
    built = await buildDemo(workspace);
    const neighbour = join(workspace.folder, "neighbour");
    cpSync(join(built, "index.html"), join(neighbour, "index.html"));
    writeFileSync(join(neighbour, "index.html"), "<!doctype html><title>neighbour</title>");
    const frame = join(workspace.folder, "frame");
    cpSync(neighbour, frame, { recursive: true });
    writeFileSync(
      join(frame, "index.html"),
      '<!doctype html><iframe src="/deep/er/demo/" width="900" height="700"></iframe>',
    );
    site = await serveSite([
      { at: "/deep/er/demo/other/", from: neighbour },
      { at: "/frame/", from: frame },
      { at: "/copy/", from: built },
      ...demoSites(built),
    ]);
    browser = await launchChromium(["--host-resolver-rules=MAP plain.test 127.0.0.1"]);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  /** How often the page was loaded by its own doing, as the browser remembers it. */
  const navigation = (page: Page): Promise<string> =>
    page.evaluate(() => (performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming).type);

  test("in a subfolder without headers, its service worker gives it threads and affects nothing else", async () => {
    const { context, page, errors } = await openDemo(browser, `${site.origin}/deep/er/demo/?from=a#link`);
    await ready(page);
    expect(await isolated(page)).toBe(true);
    expect(await badge(page)).toMatch(/[2-8] threads$/);
    expect(await page.isHidden("#threads")).toBe(true);
    expect(page.url()).toBe(`${site.origin}/deep/er/demo/?from=a#link`);
    const scopes = (): Promise<string[]> =>
      page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope));
    expect(await scopes()).toEqual([`${site.origin}/deep/er/demo/`]);
    const other = await context.newPage();
    await other.goto(`${site.origin}/deep/er/demo/other/`);
    expect(await other.title()).toBe("neighbour");
    expect(await isolated(other)).toBe(false);
    // A second copy on the same origin has a worker and a cache of its own.
    await other.goto(`${site.origin}/copy/index.html`);
    await ready(other);
    expect(await isolated(other)).toBe(true);
    expect((await scopes()).toSorted()).toEqual([`${site.origin}/copy/`, `${site.origin}/deep/er/demo/`]);
    expect((await page.evaluate(() => caches.keys())).toSorted()).toEqual([
      `yolov5-ts page ${site.origin}/copy/`,
      `yolov5-ts page ${site.origin}/deep/er/demo/`,
    ]);
    expect(errors).toEqual([]);
    expect(site.missing).toEqual([]);
    await context.close();
  });

  test("with headers, it has threads at once and is not loaded twice", async () => {
    const { context, page, errors } = await openDemo(browser, `${site.origin}/demo-isolated/`);
    await ready(page);
    expect([await isolated(page), await navigation(page)]).toEqual([true, "navigate"]);
    expect(await badge(page)).toMatch(/[2-8] threads$/);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("after a reload that bypasses the service worker, it has threads again", async () => {
    const { context, page } = await openDemo(browser, `${site.origin}/deep/er/demo/`);
    await ready(page);
    const session = await context.newCDPSession(page);
    await session.send("Page.reload", { ignoreCache: true });
    await page.waitForFunction(() => globalThis.crossOriginIsolated);
    await ready(page);
    expect(await badge(page)).toMatch(/[2-8] threads$/);
    await context.close();
  });

  interface Lone {
    readonly address: (origin: string) => string;
    readonly says: RegExp;
    readonly prepare?: (page: Page) => Promise<unknown>;
  }
  const LONE: Readonly<Record<string, Lone>> = {
    "a host without the worker's file": {
      address: (origin) => `${origin}/demo-alone/`,
      says: /^One thread: the page's service worker could not be registered \(.+\)\.$/,
    },
    "a browser without service workers": {
      address: (origin) => `${origin}/deep/er/demo/`,
      says: /^One thread: this browser does not allow the page a service worker\.$/,
      prepare: (page) =>
        page.addInitScript(() => {
          Reflect.deleteProperty(Navigator.prototype, "serviceWorker");
        }),
    },
    "a browser that refuses to register one": {
      address: (origin) => `${origin}/deep/er/demo/`,
      says: /^One thread: .*could not be registered \(denied by the visitor\)\.$/,
      prepare: (page) =>
        page.addInitScript(() => {
          ServiceWorkerContainer.prototype.register = () =>
            Promise.reject(new DOMException("denied by the visitor", "SecurityError"));
        }),
    },
    "a browser that isolates no page": {
      address: (origin) => `${origin}/deep/er/demo/`,
      says: /^One thread: this browser does not isolate the page from others\.$/,
      prepare: (page) =>
        page.addInitScript(() => {
          Object.defineProperty(globalThis, "crossOriginIsolated", { value: false });
        }),
    },
    "an insecure address": {
      address: (origin) => `${origin.replace("localhost", "plain.test")}/deep/er/demo/`,
      says: /^One thread: threads need a secure page \(https or localhost\)\.$/,
    },
  };

  test.each(Object.entries(LONE))(
    "%s: it works on one thread and says why",
    async (name, { address, says, prepare }) => {
      const { context, page, errors } = await openDemo(browser, address(site.origin), {}, prepare);
      await ready(page);
      await expect.poll(() => page.textContent("#threads"), PATIENCE).toMatch(says);
      expect(await page.isVisible("#threads")).toBe(true);
      if (name !== "a browser that isolates no page") expect(await badge(page)).toMatch(/ 1 thread$/);
      // No alarm: the page does what it is for.
      expect(await page.isHidden("#alert")).toBe(true);
      expect(errors.filter((text) => !/404|service worker|Cross-Origin-Opener-Policy/i.test(text))).toEqual([]);
      await context.close();
    },
  );

  test("in a frame of another page it works on one thread, says why, and does not reload itself", async () => {
    const { context, page } = await openDemo(browser, `${site.origin}/frame/`);
    const frame = page.frames()[1];
    await frame.waitForSelector("#list li");
    expect(await frame.textContent("#threads")).toContain("embedded in another one");
    expect(await frame.textContent("#badge-text")).toMatch(/ 1 thread$/);
    await context.close();
  });

  test.each(["deep/er/demo", "demo-isolated"] as const)("%s: the second load needs no network", async (host: Host) => {
    const own = await serveSite(demoSites(built));
    let closed = false;
    try {
      const { context, page, errors } = await openDemo(browser, `${own.origin}/${host}/`);
      await ready(page);
      await kept(page);
      await own.close();
      closed = true;
      await page.reload();
      await ready(page);
      expect(await isolated(page)).toBe(true);
      expect(await badge(page)).toMatch(/[2-8] threads$/);
      // Through another name of the same page as well.
      await page.goto(`${own.origin}/${host}/index.html?again`);
      await ready(page);
      expect(errors.filter((text) => !text.includes("ERR_CONNECTION_REFUSED"))).toEqual([]);
      await context.close();
    } finally {
      if (!closed) await own.close();
    }
  });

  /** Waits until the service worker keeps the page and every file that it has fetched. */
  function kept(page: Page): Promise<void> {
    // Playwright's waitForFunction takes a promise for a result, whatever it resolves to.
    const all = (): Promise<boolean> =>
      page.evaluate(async () => {
        const [name] = await caches.keys();
        if (!name) return false;
        const urls = (await (await caches.open(name)).keys()).map(({ url }) => url);
        const fetched = performance.getEntriesByType("resource").map((entry) => entry.name);
        return [new URL("./", location.href).href, ...fetched]
          .filter((url) => url.startsWith("http") && !url.endsWith("service-worker.js"))
          .every((url) => urls.includes(url) && urls.some((one) => one.endsWith(".safetensors")));
      });
    return expect.poll(all, PATIENCE).toBe(true);
  }

  test("a service worker that is there only after the first result keeps the page all the same", async () => {
    const { context, page, errors } = await openDemo(browser, `${site.origin}/demo-isolated/`, {}, (waiting) =>
      waiting.addInitScript(() => {
        const register = ServiceWorkerContainer.prototype.register;
        ServiceWorkerContainer.prototype.register = async function (...which) {
          while (!document.querySelector("#list li")) await new Promise((resolve) => setTimeout(resolve, 50));
          await new Promise((resolve) => setTimeout(resolve, 1000));
          return register.apply(this, which);
        };
      }),
    );
    await ready(page);
    await kept(page);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("a new build is shown at the next load, and the files of the old one are deleted", async () => {
    const folder = join(workspace.folder, "updated");
    cpSync(built, folder, { recursive: true });
    const own = await serveSite([{ at: "/app/", from: folder }]);
    const { context, page } = await openDemo(browser, `${own.origin}/app/`);
    await ready(page);
    await kept(page);
    const style = readdirSync(join(folder, "assets")).find((file) => file.endsWith(".css")) ?? "";
    const text = readFileSync(join(folder, "index.html"), "utf8");
    cpSync(join(folder, "assets", style), join(folder, "assets", "index-new00000.css"));
    rmSync(join(folder, "assets", style));
    writeFileSync(
      join(folder, "index.html"),
      text.replace(style, "index-new00000.css").replace("<title>", "<title>new "),
    );
    await page.reload();
    await ready(page);
    expect(await page.title()).toMatch(/^new /);
    await kept(page);
    const urls = await page.evaluate(async () => {
      const [name] = await caches.keys();
      return (await (await caches.open(name)).keys()).map(({ url }) => url);
    });
    expect(urls.filter((url) => url.endsWith(style))).toEqual([]);
    await context.close();
    await own.close();
  });

  test("opened as a file, it says what to do, with its styles applied", async () => {
    const { context, page } = await openDemo(browser, pathToFileURL(join(built, "index.html")).href);
    await page.waitForSelector("#alert:has-text('Serve its folder over HTTP')");
    expect(await page.evaluate(() => getComputedStyle(document.querySelector("main") as Element).display)).toBe("grid");
    await context.close();
  });

  test("a script that cannot be fetched or parsed is named", async () => {
    const broken = (content: string | undefined) =>
      serveSite([
        {
          at: "/app/assets/",
          headers: ISOLATION,
          from: (path, response) => {
            if (!path.startsWith("index-") || !path.endsWith(".js")) return false;
            response.statusCode = content === undefined ? 404 : 200;
            response.setHeader("Content-Type", "text/javascript");
            response.end(content ?? "");
            return true;
          },
        },
        { at: "/app/", from: built, headers: ISOLATION },
      ]);
    for (const [content, says] of [
      [undefined, "could not be fetched"],
      ["let a = ;", "cannot start in this browser"],
    ] as const) {
      const own = await broken(content);
      const { context, page } = await openDemo(browser, `${own.origin}/app/`);
      await page.waitForSelector(`#alert:has-text("${says}")`);
      expect(await badge(page)).toBe("not started");
      await context.close();
      await own.close();
    }
  });

  test("without JavaScript, it says that JavaScript is required", async () => {
    const context: BrowserContext = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${site.origin}/deep/er/demo/`);
    expect(await page.textContent("noscript, .no-script")).toContain("needs JavaScript");
    await context.close();
  });
});
