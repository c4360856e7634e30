/** `detect --live`: the page while a video runs, a stream that comes back, recording, and what is refused. */

import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ffmpeg, ffmpegMissing, probe } from "../../support/video.js";
import { cli, EXAMPLE, type Outcome, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const QUICK = ["--backend", "wasm", "--threads", "1", "--imgsz", "256", "--workers", "0"] as const;

interface Status {
  readonly source: string;
  readonly waiting?: string;
  readonly frames: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** A run in the background, its page, and how to stop it. */
async function live(...words: readonly string[]) {
  const stop = new AbortController();
  let [text, found] = ["", (_: string): void => undefined];
  const address = new Promise<string>((resolve) => {
    found = resolve;
  });
  const onStdout = (more: string): void => {
    text += more;
    const line = /^live: (\S+)$/m.exec(text);
    if (line) found(line[1]);
  };
  const ended = cli(["detect", "--live", "0", ...QUICK, ...words], { signal: stop.signal, onStdout });
  const at = await Promise.race([address, ended.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
  const status = async (): Promise<Status> => (await fetch(`${at}status`)).json() as Promise<Status>;
  const until = async (holds: (status: Status) => boolean): Promise<Status> => {
    for (;;) {
      const now = await status();
      if (holds(now)) return now;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const interrupt = (): Promise<Outcome> => {
    stop.abort();
    return ended;
  };
  return { at, ended, status, until, interrupt };
}

describe.skipIf(ffmpegMissing())("with ffmpeg", () => {
  let server: Server;
  let on = true;
  let stream = "";
  const clip = path("clip.mp4");

  beforeAll(async () => {
    const still = ["-loop", "1", "-framerate", "10", "-i", EXAMPLE, "-vf", "scale=400:300"];
    ffmpeg([...still, "-frames:v", "30", "-pix_fmt", "yuv420p", clip]);
    ffmpeg([...still, "-frames:v", "1", path("one.jpg")]);
    const jpeg = await readFile(path("one.jpg"));
    server = createServer((_, response) => {
      if (!on) {
        response.socket?.destroy();
        return;
      }
      response.writeHead(200, { "Content-Type": "multipart/x-mixed-replace; boundary=frame" });
      const timer = setInterval(() => {
        if (!on) {
          clearInterval(timer);
          response.socket?.destroy();
        } else
          response.write(
            Buffer.concat([
              Buffer.from(`--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`),
              jpeg,
              Buffer.from("\r\n"),
            ]),
          );
      }, 50);
      response.on("close", () => clearInterval(timer));
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    stream = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mjpg/video.cgi`;
  });
  afterAll(() => void server.close());

  test("a video: the page shows frames and counts while it runs, and no file is written", async () => {
    const run = await live("--source", clip, "--project", path("none"));
    const answer = await fetch(`${run.at}stream`);
    expect(answer.headers.get("content-type")).toMatch(/^multipart\/x-mixed-replace/);
    const reader = answer.body?.getReader();
    let bytes = 0;
    while (bytes < 20_000) bytes += (await reader?.read())?.value?.length ?? Number.POSITIVE_INFINITY;
    expect(bytes).toBeLessThan(10_000_000);
    const status = await run.until(({ counts }) => Object.keys(counts).length > 0);
    expect(status.source).toBe(clip);
    await reader?.cancel();
    const { code, stderr } = await run.ended;
    expect([code, stderr]).toEqual([0, ""]);
    await expect(readdir(path("none"))).rejects.toThrow(/ENOENT/);
    await expect(fetch(run.at)).rejects.toThrow();
  });

  test("a stream is reopened after it ends, and --record writes segments until Ctrl-C", async () => {
    on = true;
    const run = await live("--source", stream, "--record", "1", "--project", path("rec"));
    const before = await run.until(({ frames }) => frames > 2);
    on = false;
    const gone = await run.until(({ waiting }) => waiting !== undefined);
    expect(gone.waiting).toMatch(/^Waiting for http:.*trying again in \d+ s/);
    on = true;
    const back = await run.until(({ waiting, frames }) => waiting === undefined && frames > before.frames + 2);
    expect(Object.keys(back.counts).length).toBeGreaterThan(0);
    const { code } = await run.interrupt();
    expect(code).toBe(130);
    const files = (await readdir(path("rec", "exp"))).toSorted();
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      expect(file).toMatch(/_\d{3}\.mp4$/);
      // Frames go by the clock, so how many there are depends on how fast they come.
      expect(probe(path("rec", "exp", file)).frames).toBeGreaterThan(0);
    }
  });
});

describe("refused", () => {
  test.each([
    [["--json", "-"], /--live never ends, and --json is written at the end; use --ndjson/],
    [["--save-coco"], /--live never ends, and labels for tools are written at the end; use --save-voc/],
    [["--record", "--nosave"], /--record writes videos, and --nosave writes none/],
    [[], /--live shows one camera, stream or video, got a picture/],
    [["--source", EXAMPLE], /--live shows one camera, stream or video, got 2 sources/],
  ])("%j", async (words, message) => {
    const { code, stderr } = await cli(["detect", "--source", EXAMPLE, "--live", ...words, ...QUICK]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test("a port number above 65535", async () => {
    const { code, stderr } = await cli(["detect", "--source", "0", "--live", "70000", ...QUICK]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/at most 65535/)]);
  });
});
