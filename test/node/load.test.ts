/** `load` as users of the package call it. */

import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { CheckpointError, DisposedError, DownloadError, ImageError, OptionError } from "../../src/errors.js";
import { readPictureSource } from "../../src/node/pictures/pictureSource.js";
import { type DetectionResult, load, type PictureSource } from "../../src/node.js";
import { rejection, unreachableUrl, withServer } from "./server.js";

const PICTURE = fileURLToPath(new URL("../../examples/codes.png", import.meta.url));
const SMALL = fileURLToPath(new URL("../fixtures/pytorch/picture.png", import.meta.url));
const FIXTURE = fileURLToPath(new URL("../fixtures/pytorch/v6.pt", import.meta.url));
const OPTIONS = { imgsz: 256 } as const;

describe("load", () => {
  it("without weights loads the embedded model, which finds what its picture shows", async () => {
    const model = await load(undefined, { backend: "cpu" });
    expect(model.info.path).toBe("embedded:codes");
    expect(model.task).toBe("detect");
    expect(model.names).toEqual(["qr_code", "barcode", "aruco", "data_matrix"]);
    expect(model.device).toEqual({ name: "cpu", adapter: "TypeScript reference", dtype: "float32" });
    const result = (await model.detect(PICTURE, OPTIONS)) as DetectionResult;
    expect(result.detections.length).toBeGreaterThan(1);
    expect(result.detections.every((d) => model.names[d.class] === d.name && d.confidence > 0.25)).toBe(true);
    model.dispose();
  });

  it("gives the same result for every kind of picture", async () => {
    const model = await load(FIXTURE, { backend: "cpu" });
    const bytes = new Uint8Array(readFileSync(SMALL));
    await withServer(
      (_, response) => response.writeHead(200).end(bytes),
      async (url) => {
        const sources: PictureSource[] = [
          SMALL,
          pathToFileURL(SMALL),
          bytes,
          bytes.slice().buffer,
          new Blob([bytes]),
          `${url}/picture.png`,
          new URL(`${url}/picture.png`),
        ];
        const results = (await model.detect(sources, { imgsz: 64, conf: 0.01, batchSize: 8 })) as DetectionResult[];
        for (const { detections } of results) expect(detections).toEqual(results[0].detections);
        expect(results.map(({ source }) => source)).toEqual([
          SMALL,
          SMALL,
          undefined,
          undefined,
          undefined,
          `${url}/picture.png`,
          `${url}/picture.png`,
        ]);
      },
    );
    model.dispose();
  });

  it.each(["cpu", "wasm"] as const)(
    "leaves the bytes of a checkpoint to the caller, who may reuse or transfer them: %s",
    async (backend) => {
      const boxes = async (after: (bytes: Uint8Array<ArrayBuffer>) => void): Promise<string> => {
        const bytes = new Uint8Array(readFileSync(FIXTURE));
        const model = await load(bytes, { backend, worker: false });
        after(bytes);
        const result = await model.detect(SMALL, { imgsz: 64, conf: 0.01 });
        model.dispose();
        return JSON.stringify({ ...result.toJSON(), speed: undefined });
      };
      const expected = await boxes(() => undefined);
      expect(expected).toContain("confidence");
      expect(await boxes((bytes) => bytes.fill(0))).toBe(expected);
      expect(await boxes(({ buffer }) => structuredClone(buffer, { transfer: [buffer] }))).toBe(expected);
    },
  );

  it("explains what is wrong with a picture", async () => {
    const model = await load(FIXTURE, { backend: "cpu" });
    const missing = await rejection(model.detect("missing.jpg"));
    expect(missing).toBeInstanceOf(ImageError);
    expect(missing.message).toBe("missing.jpg: no such file; give the path of a picture");
    expect((await rejection(model.detect("test"))).message).toBe("test: is a folder; give the path of a picture");
    expect((await rejection(model.detect("package.json"))).message).toContain("package.json: ");
    const odd = await rejection(model.detect(7 as unknown as PictureSource));
    expect(odd).toBeInstanceOf(ImageError);
    expect(odd.message).toContain("a picture must be a path, URL, encoded bytes or { data, width, height }");
    expect(await rejection(model.detect(`${await unreachableUrl()}/a.jpg`))).toBeInstanceOf(DownloadError);
    model.dispose();
  });

  it("makes an ensemble of several weights, if they have the same classes", async () => {
    const model = await load([FIXTURE, FIXTURE], { backend: "cpu" });
    expect(model.members).toHaveLength(2);
    model.dispose();
    const error = await rejection(load([FIXTURE, "codes"], { backend: "cpu" }));
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toContain("embedded:codes has 4 classes");
  });

  it("runs half in float32 on the reference, with a note", async () => {
    const notes: string[] = [];
    const model = await load(FIXTURE, { backend: "cpu", half: true, onNote: (note) => notes.push(note) });
    expect(model.device.dtype).toBe("float32");
    expect(notes.join()).toContain("float32");
    model.dispose();
  });

  it("fails with the checkpoint's error, and after dispose with DisposedError", async () => {
    expect(await rejection(load("missing.pt", { backend: "cpu" }))).toBeInstanceOf(CheckpointError);
    expect(await rejection(load([], { backend: "cpu" }))).toBeInstanceOf(OptionError);
    const model = await load(FIXTURE, { backend: "cpu" });
    model.dispose();
    model.dispose();
    expect(await rejection(model.detect("missing.jpg"))).toBeInstanceOf(DisposedError);
    expect(await rejection(model.warmup())).toBeInstanceOf(DisposedError);
    expect(await rejection(model.memory())).toBeInstanceOf(DisposedError);
  });
});

describe("load with a signal", () => {
  const reason = new Error("the user left");
  const aborted = AbortSignal.abort(reason);

  it("that is already aborted rejects with its reason, whatever the source", async () => {
    const sources = [
      undefined,
      FIXTURE,
      readFileSync(FIXTURE),
      "random:yolov5n",
      await unreachableUrl(),
      "no/such/file.pt",
    ];
    for (const source of sources) {
      expect(await rejection(load(source, { signal: aborted, backend: "cpu" }))).toBe(reason);
    }
    expect((await rejection(load(FIXTURE, { signal: AbortSignal.abort(), backend: "wasm" }))).name).toBe("AbortError");
  });

  it("aborted during a download rejects with its reason", async () => {
    const controller = new AbortController();
    await withServer(
      (_, response) => {
        response.writeHead(200, { "content-length": 1000 }).write("x");
        setTimeout(() => controller.abort(reason), 50);
      },
      async (url) => {
        const loading = load(`${url}/x.pt`, { signal: controller.signal, backend: "cpu" });
        expect(await rejection(loading)).toBe(reason);
      },
    );
  });

  it("aborted between two models, or while the backend opens, rejects with its reason", async () => {
    const between = new AbortController();
    await withServer(
      (_, response) => {
        response.writeHead(200).end(readFileSync(FIXTURE));
        between.abort(reason);
      },
      async (url) => {
        const loading = load([`${url}/x.pt`, FIXTURE], { signal: between.signal, backend: "cpu" });
        expect(await rejection(loading)).toBe(reason);
      },
    );
    const opening = new AbortController();
    const onNote = () => opening.abort(reason);
    // `auto` notes why it passes over WebGPU; where it does not, there is nothing to abort at.
    const loading = load(FIXTURE, { signal: opening.signal, onNote });
    await loading.then(
      (model) => model.dispose(),
      (error) => expect(error).toBe(reason),
    );
  });
});

describe("bytes and pixels given to detect", () => {
  it("are captured at the call, in lists too", async () => {
    const model = await load(FIXTURE, { backend: "cpu" });
    const options = { imgsz: 64, conf: 0.01 } as const;
    const file = readFileSync(SMALL);
    const { image } = await readPictureSource(SMALL);
    const wanted = ((await model.detect(SMALL, options)) as DetectionResult).detections;
    expect(wanted.length).toBeGreaterThan(0);
    const given = () => {
      const bytes = [Buffer.from(file), new Uint8Array(file), new Uint8Array(file), new Uint8Array(image.data)];
      const raw = { data: bytes[3], width: image.width, height: image.height };
      const sources: PictureSource[] = [bytes[0], bytes[1], bytes[2].buffer, raw];
      return { bytes, sources };
    };
    for (const order of [0, 1, 2, 3]) {
      const { bytes, sources } = given();
      const running = model.detect(sources[order], options);
      for (const each of bytes) each.fill(0);
      expect(((await running) as DetectionResult).detections).toEqual(wanted);
    }
    const { bytes, sources } = given();
    const running = model.detect(sources, options);
    for (const each of bytes) each.fill(0);
    for (const { detections } of (await running) as DetectionResult[]) expect(detections).toEqual(wanted);
    model.dispose();
  });
});
