/** What a page passes to the engine: values from frames and popups, and mistakes. */

import { describe, expect, test } from "vitest";
import type { PictureSource, WeightSource } from "../../../src/index.js";
import { chromiumMissing } from "../support/chromium.js";
import { type Helpers, inputSite } from "./support.js";

describe.skipIf(chromiumMissing())("values from other windows", () => {
  const { open } = inputSite();

  test.each(["load", "loadInWorker"] as const)("%s: values from an iframe and a popup are accepted", async (how) => {
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

  test.each(["load", "loadInWorker"] as const)("%s: mistakes are named", async (how) => {
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
});
