/** `POST /detect`: what the library finds, in every form of request; what is refused, with the right status. */

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/index.js";
import { type DetectionResult, load, type YoloServer } from "../../../src/node.js";
import { detectUrl, PICTURE, pictureBytes, startSmall, V6, withSmall } from "./support.js";

interface DetectJson {
  readonly model: { readonly path: string; readonly task: string; readonly names: readonly string[] };
  readonly backend: { readonly name: string };
  readonly images: readonly {
    readonly source?: string;
    readonly error?: string;
    readonly width: number;
    readonly input: readonly number[];
    readonly detections: readonly object[];
  }[];
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("detect", () => {
  let server: YoloServer;
  const log: string[] = [];
  let expected: DetectionResult;
  beforeAll(async () => {
    server = await startSmall({ logLevel: "info", log: { write: (text) => void log.push(text) } });
    const model = await load(V6, { backend: "wasm", threads: 1 });
    expected = (await model.detect(PICTURE, { imgsz: 96, conf: 0.2 })) as DetectionResult;
    model.dispose();
  });
  afterAll(() => server.close());

  const post = (query: string, body: BodyInit, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(detectUrl(server, query), { method: "POST", body, headers });

  test("a picture as the body gives the JSON of detect with the library's boxes", async () => {
    const answer = await post("&conf=0.2", pictureBytes());
    expect(answer.status).toBe(200);
    const json = (await answer.json()) as DetectJson;
    expect(json.model).toEqual({ path: "v6", version: "1", task: "detect", names: ["class 0", "class 1", "class 2"] });
    expect(json.backend.name).toBe("wasm");
    expect(expected.length).toBeGreaterThan(0);
    expect(json.images[0].detections).toEqual(plain(expected.detections));
    expect(json.images[0].input).toEqual(expected.input);
    expect(json.images[0].source).toBeUndefined();
  });

  test("a form with files and options gives one entry per file, also for an unreadable one", async () => {
    const form = new FormData();
    form.append("a", new File([pictureBytes()], "first.png"));
    form.append("conf", "0.2");
    form.append("b", new File(["no picture"], "second.txt"));
    const { images } = (await (await post("", form)).json()) as DetectJson;
    expect(images[0]).toMatchObject({ source: "first.png", detections: plain(expected.detections) });
    expect(images[1]).toEqual({
      source: "second.txt",
      error: "second.txt: is a text file, not a picture; give a JPEG or PNG picture",
    });
  });

  test("options have their effect", async () => {
    const found = async (query: string): Promise<number> => {
      const json = (await (await post(query, pictureBytes())).json()) as DetectJson;
      return json.images[0].detections.length;
    };
    expect(await found("&conf=0.99")).toBe(0);
    expect(await found("&conf=0.2&maxDet=1")).toBe(1);
    const classes = expected.detections.map((detection) => detection.class);
    expect(await found("&conf=0.2&classes=1,2")).toBe(classes.filter((c) => c > 0).length);
  });

  test("annotate returns the annotated picture as JPEG or PNG", async () => {
    const before = await decodeImage(readFileSync(PICTURE));
    for (const [format, type] of [
      ["jpeg", "image/jpeg"],
      ["png", "image/png"],
    ]) {
      const answer = await post(`&conf=0.2&annotate=${format}`, pictureBytes());
      expect(answer.headers.get("content-type")).toBe(type);
      const image = await decodeImage(new Uint8Array(await answer.arrayBuffer()));
      expect([image.width, image.height]).toEqual([before.width, before.height]);
      expect(image.data).not.toEqual(before.data);
    }
  });

  test.each([
    ["&conf=2", 400, /^conf must be between 0 and 1, got 2/],
    ["&conf=x", 400, /^conf must be a number, got "x"/],
    ["&cnf=0.2", 400, /^there is no option "cnf"/],
    ["&conf=0.2&conf=0.3", 400, /^conf is given twice/],
    ["&square=maybe", 400, /^square must be true or false/],
    ["&annotate=gif", 400, /^annotate must be jpeg or png/],
    ["&annotate=png&theme=neon", 400, /^theme must be classic, light, dark, high-contrast, got "neon"/],
    ["&annotate=constructor", 400, /^annotate must be jpeg or png/],
    ["&annotate=__proto__", 400, /^annotate must be jpeg or png/],
    ["&model=other", 404, /^no model other; the models are v6/],
    ["&version=7", 404, /^model v6 has no version 7; it has 1/],
  ])("%s: %i", async (query, status, error) => {
    const answer = await post(query, pictureBytes());
    expect(answer.status).toBe(status);
    expect(((await answer.json()) as { error: string }).error).toMatch(error);
  });

  test("an input size above the limit is refused", async () => {
    const answer = await fetch(`${server.url}/detect?imgsz=2000`, { method: "POST", body: pictureBytes() });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: "imgsz 2000 is above this server's limit of 1280" },
    ]);
  });

  test("other bodies give 400 with the reason, and no address is fetched", async () => {
    for (const body of ["", "hello", '{"url":"http://127.0.0.1:1/a.jpg"}', pictureBytes().subarray(0, 40)]) {
      const answer = await post("", body);
      expect(answer.status).toBe(400);
      expect(((await answer.json()) as { error: string }).error).toMatch(/picture/);
    }
    const broken = await post("", "--x", { "content-type": "multipart/form-data" });
    expect([broken.status, await broken.json()]).toEqual([
      400,
      { error: "the form cannot be read; send it as multipart/form-data with a boundary" },
    ]);
  });

  test("requests from pages of other sites are refused, those from the server's own page are not", async () => {
    const from = (origin: string): Promise<Response> => post("", pictureBytes(), { origin });
    expect((await from("https://example.org")).status).toBe(403);
    expect((await from(server.url)).status).toBe(200);
  });

  test("the page has only scripts that its policy allows, and nothing from other sites", async () => {
    const answer = await fetch(server.url);
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const policy = answer.headers.get("content-security-policy") ?? "";
    const html = await answer.text();
    const [, script] = /<script>([\s\S]*)<\/script>/.exec(html) ?? [];
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script));
    expect(policy).toContain(`script-src 'sha256-${Buffer.from(digest).toString("base64")}'`);
    expect(html).not.toMatch(/https?:/);
    expect(() => new Function(`return async () => {${script}}`)).not.toThrow();
  });

  test("there are metrics, and one log line per request", async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toMatch(/^yolov5_requests_total\{route="\/detect",status="200"\} \d+$/m);
    for (const stage of ["read", "queue", "decode", "preprocess", "inference", "postprocess", "encode", "total"]) {
      expect(text).toMatch(new RegExp(`^yolov5_stage_seconds_count\\{stage="${stage}"\\} [1-9]\\d*$`, "m"));
    }
    const lines = log
      .join("")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: "request", route: "/detect", status: 200, model: "v6@1", pictures: 1, batch: 1 }),
    );
    expect(lines.filter(({ reqId }) => reqId === "req-1")).toHaveLength(1);
  });
});

test("with an API key, only health, the page and the description are open", async () => {
  await withSmall({ apiKey: "a secret" }, async (server) => {
    const status = async (path: string, init: RequestInit = {}): Promise<number> =>
      (await fetch(server.url + path, init)).status;
    for (const path of ["/", "/openapi.json", "/v2/health/live", "/v2/health/ready"])
      expect(await status(path)).toBe(200);
    for (const path of ["/metrics", "/v2", "/v2/models/v6"]) expect(await status(path)).toBe(401);
    const post = (headers: Record<string, string>): Promise<number> =>
      status("/detect?imgsz=96", { method: "POST", body: pictureBytes(), headers });
    expect(await post({})).toBe(401);
    expect(await post({ "x-api-key": "a secre" })).toBe(401);
    expect(await post({ authorization: "Bearer a secret!" })).toBe(401);
    expect(await post({ "x-api-key": "a secret" })).toBe(200);
    expect(await post({ authorization: "Bearer a secret" })).toBe(200);
    expect(await status("/v2/repository/models/v6/unload", { method: "POST" })).toBe(401);
  });
});
