/** What pages give: of frames and popups, wrong things, addresses of every kind, from sandboxes and service workers. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PictureSource, WeightSource } from "../../src/index.js";
import { REPOSITORY } from "../support/reference.js";
import { chromiumMissing, launchChromium, watchErrors } from "./support/chromium.js";
import { createWorkspace, type Workspace } from "./support/dist.js";
import { type EngineWindow, openPlain, type Policy, plainSites } from "./support/pages.js";
import { type Site, serveSite } from "./support/server.js";

/** What `page.evaluate` needs again and again; put into the page once. */
interface Helpers extends EngineWindow {
  /** Number of boxes, or `Name: message`. */
  outcome(work: Promise<unknown>): Promise<number | string>;
  bytesOf(url: string): Promise<Uint8Array<ArrayBuffer>>;
}

const installHelpers = (): void => {
  Object.assign(globalThis, {
    outcome: (work: Promise<{ length?: number; names?: readonly string[]; dispose?: () => void }>) =>
      work.then(
        (result) => result.length ?? result.names?.length,
        (error: Error) => `${error.name}: ${error.message}`,
      ),
    bytesOf: async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer()),
  });
};

describe.skipIf(chromiumMissing())("what pages give", () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    workspace = createWorkspace();
    site = await serveSite([
      {
        at: "/login/",
        from: (path, response) => {
          const { authorization } = response.req.headers;
          if (authorization !== `Basic ${Buffer.from("me:pä@ss").toString("base64")}`) return false;
          response.end(readFileSync(join(REPOSITORY, path)));
          return true;
        },
      },
      {
        at: "/slow/",
        from: (_, response) => {
          response.setHeader("Content-Length", 100_000);
          response.write(Buffer.alloc(1000));
          return true;
        },
      },
      ...plainSites(workspace),
    ]);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  async function open(policy: Policy = "/plain/"): Promise<{ page: Page; errors: readonly string[] }> {
    const page = await browser.newPage();
    const errors = watchErrors(page);
    await openPlain(page, site.origin, policy);
    await page.evaluate(installHelpers);
    return { page, errors };
  }

  test.each(["load", "loadInWorker"] as const)("%s: of an iframe and of a popup", async (how) => {
    const { page, errors } = await open();
    const found = await page.evaluate(async (how) => {
      const { engine, outcome, bytesOf } = globalThis as unknown as Helpers;
      const iframe = document.createElement("iframe");
      document.body.append(iframe);
      const popup = window.open("about:blank");
      const model = await engine[how]("models/codes.safetensors", { backend: "wasm" });
      const drawn = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
      const [picture, weights] = [await bytesOf("examples/codes.png"), await bytesOf("models/codes.safetensors")];
      const results: Record<string, Record<string, unknown>> = {};
      for (const [realm, other] of [
        ["own", globalThis],
        ["iframe", iframe.contentWindow],
        ["popup", popup],
      ] as [string, (Window & typeof globalThis) | null][]) {
        if (!other) throw new Error(`no ${realm}`);
        const copy = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
          const own = new other.Uint8Array(bytes.length);
          own.set(bytes);
          return own;
        };
        const canvas = other.document.createElement("canvas");
        [canvas.width, canvas.height] = [drawn.width, drawn.height];
        canvas.getContext("2d")?.drawImage(drawn, 0, 0);
        const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height);
        if (!pixels) throw new Error("no pixels");
        const image = other.document.createElement("img");
        image.src = URL.createObjectURL(new Blob([picture]));
        await image.decode();
        const video = other.document.createElement("video");
        video.muted = true;
        video.srcObject = canvas.captureStream(30);
        other.document.body.append(video);
        const drawing = setInterval(() => canvas.getContext("2d")?.drawImage(drawn, 0, 0), 30);
        await video.play();
        while (video.videoWidth === 0) await new Promise((resolve) => setTimeout(resolve, 20));
        const frame = new other.VideoFrame(canvas, { timestamp: 0 });
        const offscreen = new other.OffscreenCanvas(drawn.width, drawn.height);
        offscreen.getContext("2d")?.drawImage(drawn, 0, 0);
        const sources: Record<string, PictureSource> = {
          bytes: copy(picture),
          buffer: copy(picture).buffer,
          blob: new other.Blob([picture]),
          file: new other.File([picture], "codes.png"),
          url: new other.URL("examples/codes.png", location.href),
          raw: { data: new other.Uint8ClampedArray(pixels.data), width: pixels.width, height: pixels.height },
          pixels,
          canvas,
          offscreen,
          image,
          video,
          frame,
          bitmap: await other.createImageBitmap(canvas),
        };
        const { signal } = new other.AbortController();
        const each: Record<string, unknown> = {};
        for (const [kind, source] of Object.entries(sources)) {
          each[kind] = await outcome(model.detect(source, { imgsz: 320, signal }));
        }
        frame.close();
        clearInterval(drawing);
        const checkpoints: Record<string, WeightSource> = {
          weightBytes: copy(weights),
          weightBuffer: copy(weights).buffer,
          weightPart: copy(new Uint8Array([0, ...weights])).subarray(1),
          weightFile: new other.File([weights], "codes.safetensors"),
          weightUrl: new other.URL("models/codes.safetensors", location.href),
        };
        for (const [kind, source] of Object.entries(checkpoints)) {
          each[kind] = await outcome(engine[how](source, { backend: "cpu", signal }));
        }
        const aborted = { signal: other.AbortSignal.abort() };
        each.aborted = await outcome(model.detect(picture, aborted));
        results[realm] = each;
      }
      model.dispose();
      return results;
    }, how);
    expect(found.own.bytes).toBeGreaterThan(5);
    expect(found.own.weightFile).toBe(4);
    expect(found.own.aborted).toMatch(/^AbortError/);
    for (const [kind, outcome] of Object.entries(found.own)) {
      // What is drawn has the file's colour profile applied, and video is YUV.
      if (typeof outcome === "number" && !kind.startsWith("weight")) expect(outcome, kind).toBeGreaterThan(5);
      // Frames of video differ from one to the next.
      const wanted = /video|frame/.test(kind) ? expect.any(Number) : outcome;
      for (const realm of ["iframe", "popup"]) expect(found[realm][kind], `${realm} ${kind}`).toEqual(wanted);
    }
    expect(errors).toEqual([]);
    await page.close();
  });

  test.each(["load", "loadInWorker"] as const)("%s: what is given by mistake is named", async (how) => {
    const { page, errors } = await open();
    const found = await page.evaluate(async (how) => {
      const { engine, outcome } = globalThis as unknown as Helpers;
      const model = await engine[how]("models/codes.safetensors", { backend: "cpu" });
      const closed = await createImageBitmap(new ImageData(8, 8));
      closed.close();
      const painted = new OffscreenCanvas(8, 8);
      painted.getContext("2d")?.fillRect(0, 0, 8, 8);
      const spent = new VideoFrame(painted, { timestamp: 0 });
      spent.close();
      const broken = new Image();
      broken.src = "nothing/here.png";
      await broken.decode().catch(() => undefined);
      const iframe = document.createElement("iframe");
      document.body.append(iframe);
      const wrong: Record<string, unknown> = {
        null: document.querySelector("#none"),
        undefined,
        div: document.createElement("div"),
        input: document.createElement("input"),
        svg: document.createElementNS("http://www.w3.org/2000/svg", "svg"),
        object: document.createElement("object"),
        iframe,
        otherDiv: iframe.contentDocument?.createElement("div"),
        list: document.querySelectorAll("p"),
        response: new Response("s3cr3t"),
        promise: Promise.resolve("s3cr3t"),
        empty: [],
        number: 7,
        plain: { s3cr3t: "s3cr3t" },
        floats: new Float32Array(3),
        data: { data: ["s3cr3t"], width: 1, height: 1 },
        image: new Image(),
        broken,
        video: document.createElement("video"),
        canvas: new OffscreenCanvas(0, 8),
        closed,
        spent,
      };
      const pictures: Record<string, unknown> = {};
      const weights: Record<string, unknown> = {};
      for (const [kind, source] of Object.entries(wrong)) {
        pictures[kind] = await outcome(model.detect([source as PictureSource]));
        weights[kind] = await outcome(engine[how]([source as WeightSource], { backend: "cpu" }));
      }
      pictures.none = await outcome(model.detect(null as unknown as PictureSource));
      weights.none = await outcome(engine[how](undefined as unknown as WeightSource));
      model.dispose();
      return { pictures, weights };
    }, how);
    const named: Record<string, string> = {
      null: "null",
      undefined: "undefined",
      none: "null",
      div: "HTMLDivElement",
      input: "HTMLInputElement; give one of its files",
      svg: "SVGSVGElement",
      object: "HTMLObjectElement",
      iframe: "HTMLIFrameElement",
      otherDiv: "HTMLDivElement",
      list: "NodeList",
      response: "Response; give await response.blob()",
      promise: "Promise; await it first",
      empty: "an empty array",
      number: "a number",
      plain: "Object",
      floats: "Float32Array",
    };
    for (const [kind, name] of Object.entries(named)) {
      expect(found.pictures[kind], kind).toMatch(/^ImageError: a picture must be a URL, a file, encoded bytes, /);
      expect(found.pictures[kind], kind).toContain(`, got ${name}`);
      if (kind === "none") continue;
      expect(found.weights[kind], kind).toMatch(/^CheckpointError: a checkpoint must be a path or URL, a file/);
      expect(found.weights[kind], kind).toContain(`, got ${name}`);
    }
    expect(found.weights.none).toMatch(/^OptionError: in a page load\(\) needs a checkpoint/);
    expect(found.pictures.data).toMatch(/^ImageError: raw picture: data must be bytes .* got an array$/);
    expect(found.pictures.image).toMatch(/^ImageError: the <img> has no pixels yet; wait for its load event$/);
    expect(found.pictures.broken).toMatch(/^ImageError: the <img> shows nothing: its file could not be loaded$/);
    expect(found.pictures.video).toMatch(/^ImageError: the <video> has no pixels yet; wait for its loadeddata event$/);
    expect(found.pictures.canvas).toMatch(/^ImageError: the OffscreenCanvas has no pixels: one of its sides is 0$/);
    expect(found.pictures.closed).toMatch(/^ImageError: the ImageBitmap has no pixels; it was closed or transferred$/);
    expect(found.pictures.spent).toMatch(/^ImageError: the VideoFrame has no pixels; it was closed or transferred$/);
    for (const text of [...Object.values(found.pictures), ...Object.values(found.weights)]) {
      expect(text).not.toContain("s3cr3t");
      expect(String(text).length).toBeLessThan(250);
    }
    // The missing file of the broken picture.
    expect(errors.filter((text) => !text.includes("404"))).toEqual([]);
    await page.close();
  });

  test.each(["load", "loadInWorker"] as const)("%s: addresses of every kind", async (how) => {
    const { page } = await open();
    const found = await page.evaluate(async (how) => {
      const { engine, outcome, bytesOf } = globalThis as unknown as Helpers;
      const model = await engine[how]("models/codes.safetensors", { backend: "wasm" });
      const dataAddress = (bytes: Uint8Array): string => {
        let text = "";
        for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
        return `data:application/octet-stream;base64,${btoa(text)}`;
      };
      const [picture, weights] = [await bytesOf("examples/codes.png"), await bytesOf("models/codes.safetensors")];
      const blob = URL.createObjectURL(new Blob([picture]));
      const revoked = URL.createObjectURL(new Blob([picture]));
      URL.revokeObjectURL(revoked);
      const login = location.origin.replace("//", "//me:p%C3%A4%40ss@");
      const detect = (source: PictureSource): Promise<unknown> => outcome(model.detect(source, { imgsz: 320 }));
      const open = (source: WeightSource): Promise<unknown> => outcome(engine[how](source, { backend: "cpu" }));
      const good = {
        relative: await detect("examples/codes.png"),
        data: await detect(dataAddress(picture)),
        dataUrl: await detect(new URL(dataAddress(picture))),
        blob: await detect(blob),
        blobUrl: await detect(new URL(blob)),
        login: await detect(`${login}/login/examples/codes.png`),
      };
      const weightsFrom = {
        data: await open(dataAddress(weights)),
        login: await open(`${login}/login/models/codes.safetensors`),
        loginCached: await outcome(
          engine[how](`${login}/login/models/codes.safetensors`, { backend: "cpu", cache: true }),
        ),
      };
      const bad: Record<string, unknown> = {};
      const addresses: Record<string, string> = {
        empty: "",
        revoked,
        data: `data:image/png;base64,!!${"s3cr3t".repeat(9999)}`,
        noPicture: `data:text/plain,${"s3cr3t".repeat(9999)}`,
        file: "file:///home/me/a.png",
        ftp: "ftp://me:s3cr3t@localhost/a.png",
        unknown: "s3://bucket/a.png",
        mail: "mailto:me@example.org",
        nothing: "http://",
        wrongLogin: `${location.origin.replace("//", "//me:s3cr3t@")}/login/nothing.png`,
        token: "nothing/here.png?token=s3cr3t",
        unreachable: "http://me:s3cr3t@localhost:9/a.png",
      };
      const details: string[] = [];
      const note = (work: Promise<unknown>): Promise<unknown> =>
        work.catch((error) => details.push(JSON.stringify({ ...error.details })));
      for (const [kind, address] of Object.entries(addresses)) {
        bad[kind] = await detect(address);
        bad[`${kind} weights`] = await open(address);
        await note(model.detect(address));
        await note(engine[how](address));
      }
      const keys = await (await caches.open(engine.CACHE_NAME)).keys();
      model.dispose();
      return { good, weightsFrom, bad, details, keys: keys.map(({ url }) => url) };
    }, how);
    expect(found.good.relative).toBeGreaterThan(5);
    for (const [kind, count] of Object.entries(found.good)) expect(count, kind).toBe(found.good.relative);
    expect(found.weightsFrom).toEqual({ data: 4, login: 4, loginCached: 4 });
    expect(found.keys).toEqual([`${site.origin}/login/models/codes.safetensors`]);
    const messages: Record<string, RegExp> = {
      empty: /the address is an empty string/,
      revoked: /^DownloadError: blob:\S+: does not name a blob: it was revoked/,
      data: /^DownloadError: data:image\/png;base64,…: is not a well-formed data: address/,
      noPicture: /^\w+Error: data:text\/plain,…: /,
      file: /^DownloadError: file:\/\/\/home\/me\/a\.png: pages cannot read files by address/,
      ftp: /^DownloadError: ftp:\/\/me:\*\*\*@localhost\/a\.png: pages cannot fetch addresses of the kind ftp:/,
      unknown: /^DownloadError: s3:\/\/bucket\/a\.png: pages cannot fetch addresses of the kind s3:/,
      mail: /^DownloadError: mailto:me@example\.org: pages cannot fetch addresses of the kind mailto:/,
      nothing: /^DownloadError: http:\/\/: is not a valid address/,
      wrongLogin: /^DownloadError: http:\/\/me:\*\*\*@localhost:\d+\/login\/nothing\.png: the server answered 404/,
      token: /nothing\/here\.png\?token=\*\*\*: the server answered 404/,
      unreachable: /^DownloadError: http:\/\/me:\*\*\*@localhost:9\/a\.png: cannot be fetched/,
    };
    for (const [kind, message] of Object.entries(messages)) {
      expect(found.bad[kind], kind).toMatch(message);
      expect(found.bad[`${kind} weights`], kind).toMatch(message);
    }
    expect(found.details).toHaveLength(2 * Object.keys(messages).length);
    // Of a file that is no checkpoint its first letters are shown, whatever its address.
    delete found.bad["noPicture weights"];
    for (const text of [...Object.values(found.bad), ...found.details]) {
      expect(text).not.toContain("s3cr3t");
      expect(String(text).length).toBeLessThan(260);
    }
    await page.close();
  });

  test("signal: aborted before, in a download, in the queue, while the network runs, in a list, a stream, a worker", async () => {
    const { page, errors } = await open();
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as Helpers;
      const reason = new Error("the user left");
      /** `reason` for the very object that the signal was aborted with. */
      const rejection = (work: Promise<unknown>): Promise<string> =>
        work.then(
          () => "answered",
          (error) => (error === reason ? "reason" : String(error)),
        );
      const after = (ms: number): AbortSignal => {
        const controller = new AbortController();
        setTimeout(() => controller.abort(reason), ms);
        return controller.signal;
      };
      const results: Record<string, string> = {};
      for (const how of ["load", "loadInWorker"] as const) {
        const model = await engine[how]("models/codes.safetensors", { backend: "wasm" });
        const bitmap = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
        const slow = { imgsz: 1280 } as const;
        const before = { signal: AbortSignal.abort(reason) };
        const note = async (kind: string, work: Promise<unknown>): Promise<void> => {
          results[`${how} ${kind}`] = await rejection(work);
        };
        await note("before", model.detect(bitmap, before));
        await note("list", model.detect([bitmap, bitmap], before));
        await note("stream", model.stream([bitmap], before).next());
        await note("download", model.detect("/slow/a.png", { signal: after(50) }));
        await note("running", model.detect([bitmap, bitmap, bitmap], { ...slow, signal: after(20) }));
        const first = model.detect(bitmap, slow);
        const controller = new AbortController();
        const given = { ...slow, signal: controller.signal };
        const queued = Array.from({ length: 20 }, () => model.detect(bitmap, given));
        await Promise.resolve();
        controller.abort(reason);
        await Promise.all(queued.map((work) => note("queue", work)));
        await first;
        const never = async function* (): AsyncGenerator<ImageBitmap> {
          yield bitmap;
          await new Promise(() => undefined);
        };
        const ending = new AbortController();
        const stream = model.stream(never(), { imgsz: 64, signal: ending.signal });
        await stream.next();
        setTimeout(() => ending.abort(reason), 20);
        await note("waiting stream", stream.next());
        await note("loading", engine[how]("/slow/a.pt", { signal: after(50) }));
        await note("loading, before", engine[how]("/slow/a.pt", before));
        if ("detectLatest" in model) {
          await note("predict", model.predict(bitmap, { ...slow, signal: after(5) }));
          const running = model.detectLatest(bitmap, slow);
          await note("latest, waiting", model.detectLatest(bitmap, { ...slow, signal: after(1) }));
          await note("latest, before", model.detectLatest(bitmap, { ...slow, ...before }));
          const gift = await createImageBitmap(bitmap);
          await note("latest, given", model.detectLatest(gift, { signal: after(1), transfer: true }));
          results["given bitmap"] = String(gift.width);
          await running;
          await note("wrong", model.detect(bitmap, { signal: "soon" as unknown as AbortSignal }));
        } else {
          await note("predict", engine.predict(model, "/slow/b.png", { signal: after(5) }));
        }
        await note("afterwards", model.detect(bitmap, { imgsz: 64 }));
        model.dispose();
      }
      return results;
    });
    expect(found["given bitmap"]).toBe("0");
    expect(found["loadInWorker wrong"]).toMatch(/^OptionError: signal must be an AbortSignal, got a string/);
    for (const [kind, outcome] of Object.entries(found)) {
      if (kind.endsWith("afterwards")) expect(outcome, kind).toBe("answered");
      else if (!/given bitmap|wrong/.test(kind)) expect(outcome, kind).toBe("reason");
    }
    expect(errors).toEqual([]);
    await page.close();
  });

  test.each(["load", "loadInWorker"] as const)(
    "%s in a sandboxed frame: what its opaque origin forbids is a note",
    async (how) => {
      const { page } = await open("/open/");
      await page.evaluate(() => {
        const iframe = Object.assign(document.createElement("iframe"), { src: location.href });
        iframe.sandbox.add("allow-scripts");
        document.body.append(iframe);
      });
      const frame = page.frames()[1] ?? (await page.waitForEvent("frameattached"));
      await frame.waitForSelector("body[data-ready]");
      const found = await frame.evaluate(async (how) => {
        const { engine } = globalThis as unknown as EngineWindow;
        const notes: string[] = [];
        const onNote = (note: string): void => void notes.push(note);
        const origin = globalThis.origin;
        const options = { backend: "wasm", cache: true, onNote } as const;
        const model = await engine[how]("models/codes.safetensors", options);
        const result = await model.detect("examples/codes.png", { imgsz: 320 });
        model.dispose();
        return { origin, notes, boxes: result.xyxy.length };
      }, how);
      expect(found.origin).toBe("null");
      expect(found.boxes).toBeGreaterThan(5);
      expect(found.notes.filter((note) => note.startsWith("downloads are not cached: "))).toHaveLength(1);
      await page.close();
    },
  );

  test("wishes that a platform refuses: no cache, a cache that is full, no worker, no shared memory", async () => {
    const { page } = await open();
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const results: Record<string, unknown> = {};
      const run = async (kind: string, how: "load" | "loadInWorker" = "load"): Promise<void> => {
        const notes: string[] = [];
        const options = { backend: "wasm", cache: true, threads: 2 } as const;
        const model = await engine[how]("models/codes.safetensors", { ...options, onNote: (note) => notes.push(note) });
        const result = await model.detect("examples/codes.png", { imgsz: 320 });
        model.dispose();
        results[kind] = { notes, boxes: result.xyxy.length };
      };
      const refuse = (error: string) => () => {
        throw new DOMException(error, "SecurityError");
      };
      const { put } = Cache.prototype;
      Cache.prototype.put = async () => refuse("the disk is full")();
      await run("full");
      Cache.prototype.put = put;
      Object.defineProperty(globalThis, "caches", { get: refuse("no caches here"), configurable: true });
      await run("forbidden");
      Object.defineProperty(globalThis, "caches", { value: undefined, configurable: true });
      await run("none");
      const own = Worker;
      Object.assign(globalThis, {
        Worker: class {
          constructor() {
            refuse("no workers here")();
          }
        },
      });
      await run("worker refused", "loadInWorker");
      Object.assign(globalThis, { Worker: undefined });
      await run("no workers", "loadInWorker");
      Object.assign(globalThis, { Worker: own });
      Object.defineProperty(globalThis, "SharedArrayBuffer", { get: refuse("no shared memory"), configurable: true });
      await run("no shared memory");
      return results as Record<string, { notes: string[]; boxes: number }>;
    });
    for (const [kind, { boxes }] of Object.entries(found)) expect(boxes, kind).toBeGreaterThan(5);
    expect(found.full.notes).toEqual(["downloads are not cached: the disk is full"]);
    expect(found.forbidden.notes).toEqual(["downloads are not cached: no caches here"]);
    expect(found.none.notes).toEqual([
      "downloads are not cached: Cache Storage needs a secure page (https or localhost)",
    ]);
    expect(found["worker refused"].notes[0]).toMatch(/^no worker: no workers here; running on the page's own thread$/);
    expect(found["no workers"].notes[0]).toMatch(/^no worker: there are no workers here; running on the page's/);
    await page.close();
  });

  test("a module service worker: every format, and the true cause where one is not to be had", async () => {
    const { page } = await open();
    const ask = (how: "load" | "loadInWorker", without: readonly string[] = []) =>
      page.evaluate(
        async ({ how, without }) => {
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
          const registration = await navigator.serviceWorker.register("sw.js", { type: "module" });
          await navigator.serviceWorker.ready;
          const { port1, port2 } = new MessageChannel();
          const answer = new Promise((resolve) => {
            port1.onmessage = ({ data }) => resolve(data);
          });
          const message = { how, without, pictures, weights: "models/codes.safetensors", options: { backend: "wasm" } };
          registration.active?.postMessage(message, [port2]);
          return (await answer) as {
            error?: string;
            notes: string[];
            found: Record<string, { error?: string; boxes?: number[][]; size?: number[]; warnings?: string[] }>;
          };
        },
        { how, without },
      );
    const { found, error } = await ask("load");
    expect(error).toBeUndefined();
    for (const kind of ["png", "jpeg", "webp", "bitmap"]) {
      expect(found[kind].error, kind).toBeUndefined();
      expect(found[kind].boxes?.length, kind).toBe(found.png.boxes?.length);
    }
    expect(found.png.boxes?.length).toBeGreaterThan(5);
    expect(found.jpeg.warnings).toEqual([]);
    const reason = "service workers cannot use import\\(\\)";
    expect(found.webp.warnings?.[0]).toMatch(new RegExp(`^picture: read by the browser, .*${reason}`));
    expect(found.avif.warnings?.[0]).toMatch(new RegExp(`read by the browser, .*${reason}`));
    expect(found.avif.size).not.toContain(0);
    expect(found.tiff.error).toMatch(new RegExp(`^ImageError: .*the TIFF decoder .*${reason}.*cannot read it either`));
    const inWorker = await ask("loadInWorker");
    expect(inWorker.found.png.boxes).toEqual(found.png.boxes);
    expect(inWorker.notes[0]).toMatch(/^no worker: there are no workers here/);
    const without = await ask("load", ["createImageBitmap"]);
    expect(without.found.webp.error).toMatch(new RegExp(`^ImageError: picture: the WebP decoder .*${reason}`));
    expect(without.found.webp.error).not.toMatch(/Content-Security-Policy/);
    await page.close();
  });

  test("WebP where the policy forbids WebAssembly, and where the chunks are missing", async () => {
    const { page } = await open("/strict/");
    const detect = () =>
      page.evaluate(async () => {
        const { engine } = globalThis as unknown as Helpers;
        const warnings: string[] = [];
        const model = await engine.load("models/codes.safetensors", { backend: "cpu" });
        const drawn = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
        const canvas = new OffscreenCanvas(320, 240);
        canvas.getContext("2d")?.drawImage(drawn, 0, 0, 320, 240);
        const file = await canvas.convertToBlob({ type: "image/webp", quality: 0.9 });
        const bytes = new Uint8Array(await file.arrayBuffer());
        const result = await model.detect(bytes, { imgsz: 64, onWarning: (text) => warnings.push(text) });
        const { width, data } = await engine.annotate(bytes, result, { hideBoxes: true, hideLabels: true });
        model.dispose();
        return { warnings, width, sum: data.reduce((sum, value) => sum + value, 0) };
      });
    const strict = await detect();
    expect(strict.warnings[0]).toMatch(/read by the browser, .*forbids WebAssembly; add 'wasm-unsafe-eval'/);
    await page.goto(`${site.origin}/plain/`);
    await page.waitForSelector("body[data-ready]");
    await page.evaluate(installHelpers);
    await page.route("**/webpWasm*.js", (route) => route.abort());
    const missing = await detect();
    expect(missing.warnings[0]).toMatch(/read by the browser, .*a chunk of the bundle could not be imported/);
    await page.unroute("**/webpWasm*.js");
    const whole = await detect();
    for (const { width, sum } of [strict, missing]) {
      expect(width).toBe(whole.width);
      expect(Math.abs(sum / whole.sum - 1)).toBeLessThan(0.01);
    }
    await page.close();
  });
});
