/** `file:` and `data:` addresses as strings and as URLs, and loads that were given up before they began. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { expandSources } from "../../src/cli/detect/sources/sources.js";
import { EngineError } from "../../src/errors.js";
import { type DetectionResult, load } from "../../src/node.js";
import { EXAMPLE } from "../cli/support.js";
import { REPOSITORY } from "../support/reference.js";
import { rejection } from "./server.js";

const WEIGHTS = join(REPOSITORY, "models", "codes.safetensors");

it("local addresses of pictures and weights are read", async () => {
  const data = `data:image/png;base64,${(await readFile(EXAMPLE)).toString("base64")}`;
  const weights = `data:application/octet-stream;base64,${(await readFile(WEIGHTS)).toString("base64")}`;
  const file = pathToFileURL(EXAMPLE);
  const model = await load(pathToFileURL(WEIGHTS).href, { backend: "wasm", threads: 1 });
  for (const source of [file, file.href, data, new URL(data)]) {
    const { detections, source: name } = (await model.detect(source)) as DetectionResult;
    expect(detections).toHaveLength(9);
    expect(name?.length).toBeLessThan(200);
  }
  for (const bad of ["file://elsewhere/x.png", "file:///%zz", "data:nothing", `data:image/png,${"x".repeat(5000)}`]) {
    const error = await rejection(model.detect(bad));
    expect(error).toBeInstanceOf(EngineError);
    expect(error.message.length).toBeLessThan(200);
  }
  model.dispose();
  (await load(weights, { backend: "cpu" })).dispose();
  for (const bad of ["file://elsewhere/x.pt", "file:///%zz", "data:nothing"]) {
    expect(await rejection(load(bad, { backend: "cpu" }))).toBeInstanceOf(EngineError);
  }
});

it("one that names nothing on this machine does not stop the other sources", async () => {
  const items = await expandSources(["file://elsewhere/x.jpg", "file:///%zz", pathToFileURL(EXAMPLE).href], {});
  expect(items.map(({ error }) => error)).toEqual([
    expect.stringMatching(/^file:\/\/elsewhere\/x\.jpg: does not name a file on this machine/),
    expect.stringMatching(/^file:\/\/\/%zz: does not name a file on this machine/),
    undefined,
  ]);
});

it.each([WEIGHTS, "http://127.0.0.1:9/x.pt", "codes"])(
  "an aborted load of %s rejects with the reason",
  async (source) => {
    expect((await rejection(load(source, { signal: AbortSignal.abort(), backend: "cpu" }))).name).toBe("AbortError");
    const reason = new Error("enough");
    expect(await rejection(load(source, { signal: AbortSignal.abort(reason), backend: "cpu" }))).toBe(reason);
  },
);
