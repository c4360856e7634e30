/** Firefox and WebKit, as far as the tests of the page need them: open an address, run a script in it. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import puppeteer from "puppeteer-core";
import { Builder, Capabilities } from "selenium-webdriver";

export interface Engine {
  open(address: string): Promise<void>;
  /** Runs the body of an async function in the page. */
  run<T>(body: string): Promise<T>;
  close(): Promise<void>;
}

/** An engine of the web, and why it cannot be tested here. */
export interface EngineKind {
  readonly name: string;
  readonly missing: string | undefined;
  readonly launch: () => Promise<Engine>;
}

const firstOf = (...paths: readonly (string | undefined)[]): string | undefined =>
  paths.find((path) => path !== undefined && existsSync(path));

const FIREFOX = firstOf(process.env.FIREFOX_PATH, "/usr/bin/firefox-esr", "/usr/bin/firefox");
const WEBKIT_DRIVER = firstOf(process.env.WEBKIT_DRIVER_PATH, "/usr/bin/WebKitWebDriver");
const XVFB = firstOf("/usr/bin/Xvfb");

/** The browser that Debian's driver comes with; its folder has the machine's name in it. */
function miniBrowser(): string | undefined {
  const root = "/usr/lib";
  if (!existsSync(root)) return undefined;
  const folders = readdirSync(root).flatMap((name) =>
    ["webkit2gtk-4.1", "webkit2gtk-4.0"].map((version) => join(root, name, version, "MiniBrowser")),
  );
  return firstOf(...folders);
}

export const FIREFOX_ENGINE: EngineKind = {
  name: "Firefox",
  missing:
    FIREFOX === undefined
      ? "no Firefox found; install it (Debian: apt install firefox-esr) or set FIREFOX_PATH"
      : undefined,
  launch: async () => {
    // WebDriver BiDi.
    const browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: FIREFOX ?? "",
      headless: true,
      protocolTimeout: 600_000,
    });
    const page = await browser.newPage();
    return {
      open: async (address) => void (await page.goto(address)),
      run: <T>(body: string) => page.evaluate(`(async () => { ${body} })()`) as Promise<T>,
      close: () => browser.close(),
    };
  },
};

function webkitMissing(): string | undefined {
  if (WEBKIT_DRIVER === undefined || miniBrowser() === undefined) {
    return "no WebKit found; install it (Debian: apt install webkit2gtk-driver) or set WEBKIT_DRIVER_PATH";
  }
  if (process.env.DISPLAY || XVFB !== undefined) return undefined;
  return "WebKit needs a display; install xvfb (Debian: apt install xvfb) or set DISPLAY";
}

export const WEBKIT_ENGINE: EngineKind = {
  name: "WebKit",
  missing: webkitMissing(),
  launch: async () => {
    const children: ChildProcess[] = [];
    const stop = (): void => {
      for (const child of children.toReversed()) child.kill();
    };
    try {
      const display = process.env.DISPLAY ?? (await startDisplay(children));
      const port = await freePort();
      const env = { ...process.env, DISPLAY: display, GDK_BACKEND: "x11", LIBGL_ALWAYS_SOFTWARE: "1" };
      children.push(spawn(WEBKIT_DRIVER ?? "", [`--port=${port}`, "--host=127.0.0.1"], { env, stdio: "ignore" }));
      const server = `http://127.0.0.1:${port}`;
      await answering(`${server}/status`);
      const browser = { binary: miniBrowser(), args: ["--automation"] };
      const capabilities = new Capabilities({ browserName: "MiniBrowser", "webkitgtk:browserOptions": browser });
      const driver = await new Builder().usingServer(server).withCapabilities(capabilities).build();
      await driver.manage().setTimeouts({ script: 600_000, pageLoad: 300_000 });
      return {
        open: (address) => driver.get(address),
        run: async <T>(body: string) => {
          const script = `const done = arguments[0];
            (async () => { ${body} })().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
          const { value, error } = await driver.executeAsyncScript<{ value: T; error?: string }>(script);
          if (error !== undefined) throw new Error(error);
          return value;
        },
        close: async () => {
          await driver.quit().catch(() => undefined);
          stop();
        },
      };
    } catch (error) {
      stop();
      throw error;
    }
  },
};

/** A display without a screen. @returns its name. */
async function startDisplay(children: ChildProcess[]): Promise<string> {
  const child = spawn(XVFB ?? "", ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.stdout.once("data", (data: Buffer) => resolve(`:${data.toString().trim()}`));
    child.once("exit", (code) => reject(new Error(`Xvfb ended with ${code}`)));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  return port;
}

async function answering(address: string): Promise<void> {
  for (;;) {
    const answer = await fetch(address).catch(() => undefined);
    if (answer) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
