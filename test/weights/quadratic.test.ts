/** Nothing takes time quadratic in what a checkpoint says: numbers whose hashes collide, parts of paths, names. */

import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { writeSafetensors } from "../../src/weights/index.js";
import { blockOf } from "../../src/yolov5/graph/catalogue.js";
import { openModel } from "../../src/yolov5/loadModel.js";
import { collidingNumbers, soon } from "../support/limits.js";
import { moduleOf } from "../yolov5/trees.js";
import { bytes, le, text, unpickle } from "./support.js";

/** BINFLOAT. */
function float(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return `G${String.fromCharCode(...new Uint8Array(view.buffer))}`;
}

const colliding = collidingNumbers(120_000);
const items = colliding.map((key) => `${float(key)}N`).join("");
const REFUSED = /more than 8192 large numbers as keys/;

describe("numbers as keys whose hashes collide", () => {
  const pairs = colliding.map((key) => `${float(key)}N\x86`).join("");
  const some = colliding
    .slice(0, 8000)
    .map((key) => `${float(key)}N`)
    .join("");
  it.each<[string, string]>([
    ["SETITEMS", `}(${items}u.`],
    ["SETITEM", `}${colliding.map((key) => `${float(key)}Ns`).join("")}.`],
    ["DICT", `(${items}d.`],
    ["SETITEMS of an object", `ca\nB\n)\x81(${items}u.`],
    ["a dictionary of pairs", `ccollections\nOrderedDict\n](${pairs}e\x85R.`],
    ["integers of eight bytes", `}(${colliding.map((_, i) => `\x8a\x08${le(2n ** 60n + BigInt(i), 8)}N`).join("")}u.`],
    ["many dictionaries", `(${`}(${some}u`.repeat(9)}t.`],
    ["copies of one dictionary", `}(${some}uq\x00(${"ccollections\nCounter\nh\x00\x85R".repeat(100)}t.`],
  ])("%s", async (_, pickle) => {
    await soon(() => {
      expect(() => unpickle(bytes(pickle))).toThrow(CheckpointError);
      expect(() => unpickle(bytes(pickle))).toThrow(REFUSED);
    });
  });

  it("as memo numbers are fast up to 4 bytes and refused beyond", async () => {
    const numbers = Array.from({ length: 60_000 }, (_, i) => `r${le((i * 65536 + i) >>> 0)}`).join("");
    expect(await soon(() => unpickle(bytes(`N${numbers}.`)))).toBe(null);
    expect(() => unpickle(`Np${2 ** 40}\n.`)).toThrow(/memo 1099511627776 of its pickle/);
    expect(() => unpickle("Np-1\n.")).toThrow(/memo -1 of its pickle/);
  });

  it("are accepted if real files have them: class numbers and addresses of parameters", () => {
    const names = Array.from({ length: 70_000 }, (_, i) => `J${le(i)}N`).join("");
    expect(unpickle(bytes(`}(${names}u.`))).toHaveProperty("size", 70_000);
    const addresses = Array.from({ length: 2000 }, (_, i) => `\x8a\x06${le(140_000_000_000_000 + 72 * i, 6)}N`).join(
      "",
    );
    expect(unpickle(bytes(`}(${addresses}u.`))).toHaveProperty("size", 2000);
  });

  it("MEMOIZE counts the entries, whatever their numbers", () => {
    expect(unpickle("K\x01q\x050K\x02\x940h\x01.")).toBe(2);
    expect(unpickle("K\x01q\x00q\x000K\x02\x940h\x01.")).toBe(2);
  });
});

describe("growing strings", () => {
  it("a path of 200,000 parts takes little time", async () => {
    const pickle = bytes(`${text("a")}q\x000cpathlib\nPosixPath\n(${"h\x00".repeat(200_000)}tR.`);
    const path = await soon(() => unpickle(pickle));
    expect(path).toHaveLength(399_999);
  });

  it("paths are joined as by pathlib", () => {
    const of = (type: string, ...parts: string[]) => unpickle(`cpathlib\n${type}\n(${parts.map(text).join("")}tR.`);
    expect(of("PosixPath", "/", "a", "", "b/", "c")).toBe("/a/b/c");
    expect(of("WindowsPath", "C:\\", "a", "b")).toBe("C:\\a\\b");
    expect(of("PosixPath")).toBe(".");
    expect(of("PosixPath", "")).toBe(".");
  });

  const model = (type: string): Uint8Array => {
    const layers = { 0: { t: type } };
    const modules = JSON.stringify({ t: "a.Model", c: { model: { t: "a.Sequential", c: layers } } });
    const data = new Float32Array(1);
    return writeSafetensors(
      new Map([["x", { dtype: "float32" as const, shape: [1], data }]]),
      new Map([["modules", modules]]),
    );
  };
  it.each([
    ["underscores", "_".repeat(400_000)],
    ["underscores before a letter", `a${"_".repeat(400_000)}b`],
  ])("a class name of %s takes little time", async (_, name) => {
    await soon(() =>
      expect(() => openModel(model(name), { path: "case" })).toThrow(/^case: .*class name of more than 1024/),
    );
  });

  it("messages list only the first parts of a module", () => {
    const children = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`child${i}`, moduleOf("a.B")]));
    const parts = moduleOf("a.C", {}, { children });
    expect(() => blockOf(parts, "model.0")).toThrow(/^model\.0: module a\.C .{300,600}$/);
  });
});
