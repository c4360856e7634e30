/** `result.save`: the command line's picture, from every kind of source, and the files it leaves. */

import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../../src/image/index.js";
import {
  annotate,
  encodeJpeg,
  encodePng,
  load,
  type Model,
  type PictureSource,
  predict,
  type Result,
  savePicture,
  Tracker,
  trackResult,
} from "../../../src/node.js";
import { cli, EXAMPLE, fixture } from "../../cli/support.js";
import { withServer } from "../server.js";

let folder: string;
let model: Model<PictureSource>;
let result: Result;
const WEIGHTS = fixture("v6.pt");
const PICTURE = fixture("picture.png");
/** Random weights: scores are low. */
const OPTIONS = { imgsz: 64, conf: 0.02, maxDet: 20 };
const FLAGS = ["--weights", WEIGHTS, "--source", PICTURE, "--imgsz", "64", "--conf-thres", "0.02", "--max-det", "20"];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov5-annotate-"));
  model = await load(WEIGHTS, { backend: "wasm" });
  result = await model.detect(PICTURE, OPTIONS);
  expect(result.detections.length).toBeGreaterThan(2);
});

afterAll(async () => {
  model?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** What `yolov5 detect` saves of one picture. */
async function savedByCli(argv: readonly string[]): Promise<Uint8Array> {
  const project = await mkdtemp(join(folder, "runs-"));
  const { code, stderr } = await cli(["detect", "--backend", "wasm", "--quiet", "--project", project, ...argv]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const [name] = await readdir(join(project, "exp"));
  return readFile(join(project, "exp", name));
}

describe("save writes the command line's picture", () => {
  const tasks = [
    ["detection", "codes", EXAMPLE, { imgsz: 256 }],
    ["detection", WEIGHTS, PICTURE, { imgsz: 64, conf: 0.02, maxDet: 20 }],
    ["segmentation", fixture("seg.pt"), PICTURE, { imgsz: 64, conf: 0.02, maxDet: 20 }],
    ["classification", fixture("cls.pt"), PICTURE, { imgsz: 64 }],
  ] as const;
  const flags = (options: { readonly imgsz: number; readonly conf?: number; readonly maxDet?: number }): string[] => [
    ...["--imgsz", String(options.imgsz)],
    ...(options.conf === undefined ? [] : ["--conf-thres", String(options.conf)]),
    ...(options.maxDet === undefined ? [] : ["--max-det", String(options.maxDet)]),
  ];

  it.each(tasks)("%s (%s)", async (_, weights, source, options) => {
    const own = await load(weights, { backend: "wasm" });
    const one = await own.detect(source, options);
    for (const [format, name] of [
      ["png", "out.png"],
      ["jpg", "out.jpg"],
      ["jpg", "OUT.JPEG"],
    ]) {
      const path = join(folder, name);
      expect(await one.save(path)).toBeUndefined();
      const argv = ["--weights", weights, "--source", source, "--image-format", format, ...flags(options)];
      expect(Buffer.compare(await readFile(path), await savedByCli(argv)), name).toBe(0);
    }
    own.dispose();
  });

  it("with drawing options", async () => {
    const path = join(folder, "styled.png");
    await result.save(path, { lineThickness: 5, hideConf: true });
    const argv = [...FLAGS, "--line-thickness", "5", "--hide-conf"];
    expect(Buffer.compare(await readFile(path), await savedByCli(argv))).toBe(0);
    for (const theme of ["light", "dark", "high-contrast"] as const) {
      await result.save(path, { theme });
      const themed = await savedByCli([...FLAGS, "--theme", theme]);
      expect(Buffer.compare(await readFile(path), themed), theme).toBe(0);
    }
    await result.save(path, { hideLabels: true });
    const plain = await savedByCli([...FLAGS, "--hide-labels"]);
    expect(Buffer.compare(await readFile(path), plain)).toBe(0);
  });

  it("and so do annotate, savePicture and the encoders", async () => {
    const [one, two, bytes] = [join(folder, "one.jpg"), join(folder, "two.jpg"), await readFile(PICTURE)];
    await result.save(one);
    const drawn = await annotate(bytes, result);
    await savePicture(pathToFileURL(two), drawn);
    const saved = await readFile(one);
    expect(Buffer.compare(await readFile(two), saved)).toBe(0);
    expect(Buffer.compare(encodeJpeg(drawn), saved)).toBe(0);
    const lossless = await decodeImage(encodePng(drawn), {});
    expect(Buffer.compare(lossless.data, drawn.data)).toBe(0);
  });

  it("for lists, predictions, filtered and tracked results", async () => {
    const path = join(folder, "list.png");
    await result.save(path);
    const expected = await readFile(path);
    const [, second] = await model.detect([EXAMPLE, PICTURE], OPTIONS);
    const predicted = (await predict(model, PICTURE, OPTIONS)).result(OPTIONS);
    const byAddress = await model.detect(pathToFileURL(PICTURE), OPTIONS);
    const sameAgain = byAddress.filter(() => true).map((detection) => detection);
    for (const one of [second, predicted, byAddress, sameAgain]) {
      await one.save(path);
      expect(Buffer.compare(await readFile(path), expected)).toBe(0);
    }
    const tracked = trackResult(new Tracker(), result);
    await tracked.save(path, { color: "class", label: (d) => `${d.name} ${d.confidence.toFixed(2)}` });
    expect(Buffer.compare(await readFile(path), expected)).toBe(0);
  });

  it("for an address, read again with its password, which the result does not show", async () => {
    const asked: string[] = [];
    const path = join(folder, "remote.png");
    await withServer(
      (request, response) => {
        asked.push(String(request.headers.authorization));
        response.end(readFileSync(PICTURE));
      },
      async (url) => {
        const one = await model.detect(`${url.replace("http://", "http://me:secret@")}/codes.png`, OPTIONS);
        await one.save(path);
        expect(JSON.stringify(one) + inspect(one, { depth: 9 })).not.toContain("secret");
      },
    );
    await result.save(join(folder, "local.png"));
    expect(Buffer.compare(await readFile(path), await readFile(join(folder, "local.png")))).toBe(0);
    const login = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    expect(asked).toEqual([login, login]);
  });
});

describe("files written by save", () => {
  it("replace a file atomically, keep its permissions, follow a link, and leave no temporary file", async () => {
    const inside = await mkdtemp(join(folder, "in-"));
    await writeFile(join(inside, "old.png"), "old", { mode: 0o600 });
    await symlink(join(inside, "old.png"), join(inside, "link.png"));
    await result.save(join(inside, "link.png"));
    expect((await readdir(inside)).sort()).toEqual(["link.png", "old.png"]);
    const decoded = await decodeImage(await readFile(join(inside, "old.png")), {});
    expect([decoded.width, decoded.height]).toEqual([result.width, result.height]);
  });

  it("use paths relative to the working folder at the time of detect", async () => {
    const here = process.cwd();
    const inside = await mkdtemp(join(folder, "cwd-"));
    await copyFile(PICTURE, join(inside, "codes.png"));
    try {
      process.chdir(inside);
      const one = await model.detect("codes.png", OPTIONS);
      process.chdir(folder);
      await one.save("relative.png");
    } finally {
      process.chdir(here);
    }
    await result.save(join(folder, "absolute.png"));
    expect(
      Buffer.compare(await readFile(join(folder, "relative.png")), await readFile(join(folder, "absolute.png"))),
    ).toBe(0);
  });

  it("come from the source, because a result keeps no pixels", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const detect = async (): Promise<[Result, WeakRef<object>]> => {
      const picture = await decodeImage(await readFile(PICTURE), {});
      return [await model.detect(picture, OPTIONS), new WeakRef(picture.data)];
    };
    const [one, pixels] = await detect();
    for (let i = 0; i < 50 && pixels.deref(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      collect();
    }
    expect(pixels.deref()).toBeUndefined();
    expect(one.detections.length).toBe(result.detections.length);
  });
});
