/** Addresses and signals that a page passes to the engine. */

import { describe, expect, test } from "vitest";
import type { PictureSource, WeightSource } from "../../../src/index.js";
import { chromiumMissing } from "../support/chromium.js";
import { type Helpers, inputSite } from "./support.js";

describe.skipIf(chromiumMissing())("addresses and signals", () => {
  const { open, origin } = inputSite();

  test.each(["load", "loadInWorker"] as const)("%s: addresses of every kind are read", async (how) => {
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
    expect(found.keys).toEqual([`${origin()}/login/models/codes.safetensors`]);
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

  test("a signal works before a call, in a download, in the queue, while the network runs, in lists, streams and workers", async () => {
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
});
