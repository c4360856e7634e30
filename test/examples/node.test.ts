/** The example programs for Node run as their comments say. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "../support/reference.js";

const CODES = join(REPOSITORY, "examples/codes.png");
const FOUND = "2 qr_code, 2 barcode, 3 aruco, 2 data_matrix";

const start = (program: string, ...args: readonly string[]): ChildProcessWithoutNullStreams =>
  spawn(process.execPath, [join("examples", program), ...args], { cwd: REPOSITORY });

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(program: string, ...args: readonly string[]): Promise<Ended> {
  const child = start(program, ...args);
  const ended = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number];
  return { code, stdout, stderr };
}

describe("examples", () => {
  let folder: string;
  let photos: string[];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "yolov5-examples-"));
    photos = ["a.png", "b.txt", "c.png"].map((name) => join(folder, "photos", name));
    mkdirSync(join(folder, "photos"));
    copyFileSync(CODES, photos[0]);
    writeFileSync(photos[1], "no picture");
    copyFileSync(CODES, photos[2]);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("folderToCsv writes one header and every object, and reports a file that is not a picture", async () => {
    const output = join(folder, "objects.csv");
    const { code, stdout, stderr } = await run("folderToCsv.mjs", join(folder, "photos"), output);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${output}: 2 pictures\n` });
    expect(stderr).toMatch(/b\.txt: .*text file, not a picture/);
    const [header, ...lines] = readFileSync(output, "utf8").trim().split("\n");
    expect(header).toBe("source,frame,time,track,class,name,confidence,xmin,ymin,xmax,ymax");
    expect(lines).toHaveLength(18);
    expect(lines[0]).toMatch(/a\.png,.*,qr_code,0\.95/);
    expect(lines[9].replace("c.png", "a.png")).toBe(lines[0]);
  });

  test("folderToCsv prints its usage", async () => {
    const { code, stderr } = await run("folderToCsv.mjs", folder);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "usage: node folderToCsv.mjs FOLDER OUTPUT.csv [--weights best.pt]\n",
    });
  });

  test("the pool answers every picture in order, and a file that is not a picture does not stop it", async () => {
    const { code, stdout } = await run("workerPool/pool.mjs", "--workers", "2", ...photos);
    expect(code).toBe(0);
    const [first, second, third] = stdout.trim().split("\n");
    expect(first).toBe(`${photos[0]}: ${FOUND}`);
    expect(second).toMatch(/b\.txt: is a text file, not a picture/);
    expect(third).toBe(`${photos[2]}: ${FOUND}`);
  });

  test("the pool ends with an error if the weights cannot be loaded", async () => {
    const { code, stderr } = await run("workerPool/pool.mjs", "--weights", photos[1], CODES);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\[CheckpointError\]: .*b\.txt/);
  });

  test("the service answers pictures, rejects everything else, and stops after its last answer", async () => {
    const service = start("httpService.mjs", "--port", "0");
    const lines = createInterface({ input: service.stdout });
    const [line] = (await once(lines, "line")) as [string];
    const origin = line.replace("listening on ", "");
    const ask = async (
      path: string,
      init?: RequestInit,
    ): Promise<{ status: number; body: Record<string, unknown> }> => {
      const response = await fetch(origin + path, init);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const post = (body: Uint8Array<ArrayBuffer> | string, query = ""): ReturnType<typeof ask> =>
      ask(`/detect${query}`, { method: "POST", body });
    const picture = new Uint8Array(readFileSync(CODES));

    expect((await ask("/health")).body).toMatchObject({ task: "detect", names: expect.arrayContaining(["qr_code"]) });
    const [all, sure] = await Promise.all([post(picture), post(picture, "?conf=0.9")]);
    expect(all.status).toBe(200);
    expect(all.body.detections).toHaveLength(9);
    expect(all.body.detections).toContainEqual(expect.objectContaining({ name: "qr_code" }));
    expect(sure.body.detections).toHaveLength(1);

    expect(await post("no picture")).toMatchObject({ status: 400, body: { error: /text file/ } });
    expect(await post("")).toMatchObject({ status: 400, body: { error: /empty/ } });
    expect(await post(picture, "?conf=3")).toMatchObject({ status: 400, body: { error: /conf/ } });
    expect(await ask("/detect")).toMatchObject({ status: 405 });
    expect(await ask("/")).toMatchObject({ status: 404 });
    await expect(
      post(new Uint8Array(40 * 2 ** 20)).then(
        ({ status }) => status,
        () => 413,
      ),
    ).resolves.toBe(413);

    // The service has the request, but not yet the picture, when it is told to end.
    const last = request(`${origin}/detect`, { method: "POST", headers: { Expect: "100-continue" } });
    const [answered, ended] = [once(last, "response"), once(service, "close")];
    last.flushHeaders();
    await once(last, "continue");
    service.kill("SIGTERM");
    last.end(picture);
    const [response] = (await answered) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
    expect((await ended)[0]).toBe(0);
  });
});
