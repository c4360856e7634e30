/** Service workers, which can start no worker and import nothing later: of modules, and bundled into one file. */

import { join } from "node:path";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { REPOSITORY } from "../../support/reference.js";
import { chromiumMissing } from "../support/chromium.js";
import { type Helpers, inputSite } from "./support.js";

interface Asked {
  readonly how?: "load" | "loadInWorker";
  readonly script?: string;
  readonly type?: WorkerType;
  /** Globals that the service worker does without. */
  readonly without?: readonly string[];
}

describe.skipIf(chromiumMissing())("service workers", () => {
  const { open, folder } = inputSite();

  async function askServiceWorker({ how = "load", script = "sw.js", type = "module", without = [] }: Asked) {
    const { page } = await open();
    const answer = await page.evaluate(
      async ({ how, script, type, without }) => {
        const { bytesOf } = globalThis as unknown as Helpers;
        const drawn = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
        const canvas = new OffscreenCanvas(drawn.width, drawn.height);
        canvas.getContext("2d")?.drawImage(drawn, 0, 0);
        const encode = async (type: string): Promise<Uint8Array> =>
          new Uint8Array(await (await canvas.convertToBlob({ type, quality: 1 })).arrayBuffer());
        const pictures = {
          png: await encode("image/png"),
          jpeg: await encode("image/jpeg"),
          webp: await encode("image/webp"),
          avif: await bytesOf("fixtures/image/small.avif"),
          tiff: new Uint8Array([0x49, 0x49, 42, 0, 8, 0, 0, 0]),
          bitmap: drawn,
        };
        const registration = await navigator.serviceWorker.register(script, { type, scope: "./" });
        await navigator.serviceWorker.ready;
        const { port1, port2 } = new MessageChannel();
        const answer = new Promise((resolve) => {
          port1.onmessage = ({ data }) => resolve(data);
        });
        const weights = new URL("models/codes.safetensors", document.baseURI).href;
        const message = { how, without, pictures, weights, options: { backend: "wasm" } };
        registration.active?.postMessage(message, [port2]);
        const answered = (await answer) as {
          error?: string;
          notes: string[];
          found: Record<string, { error?: string; boxes?: number[][]; size?: number[]; warnings?: string[] }>;
        };
        await registration.unregister();
        return answered;
      },
      { how, script, type, without },
    );
    await page.close();
    return answer;
  }

  test.each([
    ["yolov5-ts/service-worker", "sw.js"],
    ["dist/index.js", "swOfIndex.js"],
  ])("modules with %s read every format, or give the true cause if one is not available", async (_, script) => {
    const { found, error } = await askServiceWorker({ script });
    expect(error).toBeUndefined();
    for (const kind of ["png", "jpeg", "webp", "bitmap"]) {
      expect(found[kind].error, kind).toBeUndefined();
      expect(found[kind].boxes?.length, kind).toBe(found.png.boxes?.length);
    }
    expect(found.png.boxes?.length).toBeGreaterThan(5);
    expect(found.jpeg.warnings).toEqual([]);
    const reason = "service workers cannot use import\\(\\)";
    expect(found.webp.warnings?.[0]).toMatch(new RegExp(`^picture: decoded by the browser, .*${reason}`));
    expect(found.avif.warnings?.[0]).toMatch(new RegExp(`decoded by the browser, .*${reason}`));
    expect(found.avif.size).not.toContain(0);
    expect(found.tiff.error).toMatch(new RegExp(`^ImageError: .*the TIFF decoder .*${reason}.*cannot read it either`));
    const inWorker = await askServiceWorker({ how: "loadInWorker", script });
    expect(inWorker.found.png.boxes).toEqual(found.png.boxes);
    expect(inWorker.notes[0]).toMatch(/^no worker: there are no workers here/);
    const without = await askServiceWorker({ without: ["createImageBitmap"], script });
    expect(without.found.webp.error).toMatch(new RegExp(`^ImageError: picture: the WebP decoder .*${reason}`));
    expect(without.found.webp.error).not.toMatch(/Content-Security-Policy/);
  });

  test.each(["load", "loadInWorker"] as const)(
    "modules with the page entry: %s says which entry to use",
    async (how) => {
      const { error } = await askServiceWorker({ how, script: "swOfPages.js" });
      expect(error).toBe(
        "UnsupportedError: service workers cannot use import(); import from yolov5-ts/service-worker, or bundle into one file",
      );
    },
  );

  test("one bundled file with the page entry reads every format with our own decoders", async () => {
    const answers = join(REPOSITORY, "test/browser/pages/swAnswers.js");
    await build({
      stdin: {
        contents: `import * as engine from "yolov5-ts"; import { answerMessages } from ${JSON.stringify(answers)}; answerMessages(engine);`,
        resolveDir: folder(),
      },
      bundle: true,
      format: "iife",
      outfile: join(folder(), "bundled/sw.js"),
      // import.meta is empty in a classic script.
      logLevel: "error",
    });
    for (const how of ["load", "loadInWorker"] as const) {
      const { found, error } = await askServiceWorker({ how, script: "bundled/sw.js", type: "classic" });
      expect(error).toBeUndefined();
      for (const kind of ["png", "jpeg", "webp", "bitmap"]) {
        expect(found[kind].boxes?.length, kind).toBe(found.png.boxes?.length);
        expect(found[kind].warnings, kind).toEqual([]);
      }
      expect(found.png.boxes?.length).toBeGreaterThan(5);
      expect(found.avif.warnings).toEqual([]);
    }
  });
});
