/** `--source http://…`: what the server says and sends decides between picture, video and live stream; passwords stay unseen. */

import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { probeVideo } from "../../../../src/node.js";
import { withServer } from "../../../node/server.js";
import { ffmpeg, ffmpegMissing, probe } from "../../../support/video.js";
import { cli, EXAMPLE, scratchFolder } from "../../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const BLIND = ["--backend", "wasm", "--threads", "1", "--imgsz", "64"] as const;
const LOGIN = `Basic ${Buffer.from("admin:p4ss@x").toString("base64")}`;

interface Entry {
  readonly source: string;
  readonly frame?: number;
  readonly time?: number;
  readonly error?: string;
}

afterEach(() => void vi.unstubAllEnvs());

describe.skipIf(ffmpegMissing())("addresses", () => {
  const files = new Map<string, Buffer>();

  beforeAll(async () => {
    const source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=1.2"];
    for (const name of ["clip.mp4", "clip.flv", "clip.ts", "moving.gif"]) {
      ffmpeg([
        ...source,
        ...(name === "moving.gif"
          ? []
          : ["-c:v", name === "clip.ts" ? "mpeg2video" : "mpeg4"].slice(0, name === "clip.flv" ? 0 : 2)),
        path(name),
      ]);
      files.set(name, await readFile(path(name)));
    }
    files.set("codes.png", await readFile(EXAMPLE));
  });

  /** One JPEG after the other, until nobody listens. */
  const camera = (response: Parameters<RequestListener>[1], type: string): void => {
    response.writeHead(200, { "content-type": type });
    const input = ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=20"];
    const child = spawn("ffmpeg", ["-loglevel", "error", ...input, "-f", "mpjpeg", "-"]);
    child.stdout.pipe(response);
    response.on("close", () => child.kill("SIGKILL"));
  };

  const server: RequestListener = ({ url = "", headers }, response) => {
    const { pathname } = new URL(url, "http://host");
    const name = pathname.split("/").at(-1) ?? "";
    if (pathname.startsWith("/auth") && headers.authorization !== LOGIN) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="camera"' }).end();
      return;
    }
    const send = (file: string, type: string | undefined, announced = true): void => {
      const bytes = files.get(file) ?? Buffer.alloc(0);
      response.writeHead(200, {
        ...(type === undefined ? {} : { "content-type": type }),
        ...(announced ? { "content-length": bytes.length } : {}),
      });
      response.end(bytes);
    };
    if (name === "moved") response.writeHead(302, { location: "/clip.mp4" }).end();
    else if (name === "snapshot" || name === "snapshot.jpg") send("codes.png", "image/png");
    else if (name === "octets") send("clip.mp4", "application/octet-stream");
    else if (name === "untyped") send("clip.ts", undefined);
    else if (name === "chunked") send("clip.mp4", "video/mp4", false);
    else if (name === "wrong.png") send("clip.mp4", "video/mp4");
    else if (name === "unsaid.png") send("clip.mp4", "application/octet-stream");
    else if (name === "called-picture") send("clip.mp4", "image/jpeg");
    else if (name === "silent.jpg") camera(response, "application/octet-stream; boundary=ffmpeg");
    else if (/video|mjpg/.test(name)) camera(response, "multipart/x-mixed-replace; boundary=ffmpeg");
    else if (files.has(name)) send(name, "application/octet-stream");
    else response.writeHead(404).end();
  };

  const run = async (sources: readonly string[], ...more: string[]) => {
    const argv = ["detect", "--source", ...sources, "--json", "-", ...BLIND, ...more];
    const { code, stdout, stderr } = await cli(argv);
    return { code, stderr, stdout, images: JSON.parse(stdout).images as Entry[] };
  };

  test.each([
    ...["moved", "octets", "untyped", "chunked", "wrong.png", "clip.flv", "moving.gif", "unsaid.png", "called-picture"],
    // ffmpeg takes these for rows of pictures.
    ...["octets?poster=a.jpg", "octets?file=a%03d.png", "clip.mp4?still=a.jpg#t=1", "octets#a.jpg"],
  ])("%s is read as a video: every frame, at its own time", async (name) => {
    await withServer(server, async (url) => {
      // A scheme in capitals is one, too.
      const source = `${url.replace("http", "HTTP")}/${name}`;
      const { code, images, stderr } = await run([source], "--project", path("saved", name));
      expect(stderr).not.toContain("error");
      expect(code).toBe(0);
      expect(images.map(({ frame }) => frame)).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
      expect((images.at(-1)?.time ?? 0) - (images[0].time ?? 0)).toBeCloseTo(29 / 25, 1);
      const [saved] = await readdir(path("saved", name, "exp"));
      expect(saved).toBe(`${name.replace(/[?#].*$/, "").replace(/\.\w+$/, "")}.mp4`);
      expect(probe(path("saved", name, "exp", saved))).toMatchObject({ frames: 30, rate: "25/1" });
    });
  });

  test.each(["video", "axis-cgi/mjpg/video.cgi?resolution=64x48", "mjpg/video.mjpg", "mjpg/video.jpg"])(
    "%s is a camera",
    async (name) => {
      await withServer(server, async (url) => {
        const { code, images, stderr } = await run([`${url}/${name}`], "--nosave", "--max-frames", "3");
        expect(code).toBe(0);
        expect(images).toHaveLength(3);
        expect(stderr).toMatch(/video 1\/1 \(\d+\) http/);
        expect((await probeVideo(`${url}/${name}`)).live).toBe(true);
      });
    },
  );

  test("user and password are used but shown nowhere", async () => {
    await withServer(server, async (url) => {
      const at = (name: string): string => url.replace("//", "//admin:p4ss%40x@") + name;
      const sources = [
        "/auth/snapshot.jpg",
        "/auth/snapshot",
        "/auth/clip.mp4",
        "/auth/moved2/video",
        "/auth/none.jpg",
      ];
      const project = ["--project", path("auth"), "--save-txt", "--max-frames", "3"];
      const { code, images, stdout, stderr } = await run(sources.map(at), ...project);
      expect(code).toBe(1);
      const count = (name: string): number => images.filter(({ source }) => source.endsWith(name)).length;
      expect(sources.map(count)).toEqual([1, 1, 3, 3, 1]);
      expect(images.filter(({ error }) => error !== undefined)).toEqual([
        { source: expect.stringContaining("//admin:***@"), error: expect.stringMatching(/none\.jpg: .* 404/) },
      ]);
      const names = (await readdir(path("auth"), { recursive: true })).join("\n");
      expect(names).toMatch(/^exp\/http_127\.0\.0\.1_\d+_auth_moved2_video\.mp4$/m);
      for (const text of [stdout, stderr, names]) expect(text).not.toContain("p4ss");
      expect(names).not.toContain("admin");
      const wrong = [at("/auth/clip.mp4"), at("/auth/snapshot")].map((address) => address.replace("p4ss", "n0pe"));
      const refused = await run([...wrong, "http://admin:n0/pe@host/x", "ftp://admin:n0pe@host/x.jpg"], "--nosave");
      expect(refused.images.map(({ error }) => error)).toEqual([
        expect.stringMatching(/clip\.mp4: is not a video that ffmpeg can read: .*401/),
        expect.stringMatching(/snapshot: the server answered 401/),
        "http://admin:***@host/x: is not a valid URL",
        expect.stringMatching(/^ftp:\/\/admin:\*\*\*@host\/x\.jpg: this kind of address is not supported/),
      ]);
      expect(refused.stdout + refused.stderr).not.toMatch(/n0\/?pe/);
    });
  });

  test("proxies apply to requests about sources, pictures, weights and ffmpeg", async () => {
    const asked: string[] = [];
    await withServer(
      (request, response) => {
        asked.push(request.url ?? "");
        server(request, response);
      },
      async (url) => {
        vi.stubEnv("HTTP_PROXY", url);
        const sources = ["http://camera.test/snapshot", "http://camera.test/octets", "http://camera.test/codes.png"];
        const { code, images } = await run(sources, "--nosave");
        expect(code).toBe(0);
        expect(images).toHaveLength(32);
        expect(asked.some((address) => address.startsWith("http://camera.test:80/octets"))).toBe(true);
        expect((await cli(["info", "--weights", "http://camera.test/none.pt"])).stderr).toContain("404");
        vi.stubEnv("NO_PROXY", "camera.test");
        const direct = await run(["http://camera.test/clip.mp4", "http://camera.test/codes.png"], "--nosave");
        expect(direct.images.map(({ error }) => error !== undefined)).toEqual([true, true]);
      },
    );
  });
});
