/** Pascal VOC's folders: where the pictures are, what counts, and what is refused with which words. */

import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openDataset } from "../../../src/node.js";
import { fixture } from "../../cli/support.js";

const folder = await mkdtemp(join(tmpdir(), "yolov5-voc-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let sets = 0;

const object = (name: string, box: readonly unknown[], difficult = 0): string => {
  const sides = ["xmin", "ymin", "xmax", "ymax"].map((side, i) => `<${side}>${box[i]}</${side}>`);
  return `<object><name>${name}</name><difficult>${difficult}</difficult><bndbox>${sides.join("")}</bndbox></object>`;
};
/** The fixture is 90 × 60. */
const annotation = (
  objects: string,
  size = "<size><width>90</width><height>60</height><depth>3</depth></size>",
): string =>
  `<?xml version="1.0"?><annotation><folder>VOC</folder><filename>picture.png</filename>${size}${objects}</annotation>`;

async function dataset(files: Readonly<Record<string, string>>, pictures = "JPEGImages"): Promise<string> {
  const root = join(folder, `set${++sets}`);
  await mkdir(join(root, "Annotations"), { recursive: true });
  await mkdir(join(root, pictures), { recursive: true });
  await cp(fixture("picture.png"), join(root, pictures, "picture.png"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, "Annotations", name), text);
  return root;
}
const open = async (root: string, options = {}) => openDataset(root, { names: ["cat", "dog"], ...options });

describe("read", () => {
  test("boxes are in pixels and clipped to the picture, classes are matched by name", async () => {
    const text = annotation(object("dog", [0, 0, 45, 60]) + object("cat", [-5, 1.5, 99, 60]));
    const { samples } = await open(await dataset({ "a.xml": text }));
    const { truth } = samples[0];
    expect([...truth.classes]).toEqual([1, 0]);
    expect([...truth.boxes.subarray(0, 4)]).toEqual([0.25, 0.5, 0.5, 1]);
    expect([truth.boxes[4], truth.boxes[6]]).toEqual([0.5, 1]);
    const warnings: string[] = [];
    const hard = annotation(object("dog", [1, 1, 5, 5], 1));
    const skipped = await open(await dataset({ "a.xml": hard }, "images"), {
      onWarning: (line: string) => warnings.push(line),
    });
    // A folder `images` beside is YOLO's layout, whose labels are elsewhere.
    expect(skipped.samples[0].truth.classes).toHaveLength(0);
    const direct = join(await dataset({ "a.xml": hard }), "Annotations");
    await open(direct, { onWarning: (line: string) => warnings.push(line) });
    expect(warnings.join("\n")).toMatch(/1 box marked as difficult is left out/);
  });
});

describe("refused", () => {
  test.each([
    ["no XML", "<annotation>", /a\.xml: is not valid XML: /],
    ["nested without end", "<a>".repeat(200_000), /a\.xml: is not valid XML: /],
    ["another root", "<html></html>", /a\.xml: its root is <html>, not Pascal VOC's <annotation>/],
    ["no size", annotation("", ""), /a\.xml: <width> must be a number, got ""/],
    ["an unknown class", annotation(object("cow", [1, 1, 5, 5])), /a\.xml: "cow" is not a class of the model/],
    ["an empty box", annotation(object("cat", [5, 5, 5, 9])), /a\.xml: a <bndbox> of "cat" is empty or outside/],
    ["words for numbers", annotation(object("cat", ["one", 5, 5, 9])), /a\.xml: <xmin> must be a number, got "one"/],
  ])("%s", async (_, text, message) => {
    await expect(open(await dataset({ "a.xml": text }))).rejects.toThrow(message);
  });

  test("missing pictures, and pictures of another size", async () => {
    const root = await dataset({ "a.xml": annotation("") }, "elsewhere");
    await expect(open(root)).rejects.toThrow(/picture\.png is in none of .*; give its folder with --images/);
    await expect(open(root, { images: join(root, "nope") })).rejects.toThrow(
      /nope: is not a folder; give the one that holds the annotated pictures \(--images\)$/,
    );
    const wrong = annotation("", "<size><width>3</width><height>4</height></size>");
    const warnings: string[] = [];
    const options = { images: join(root, "elsewhere"), onWarning: (line: string) => warnings.push(line) };
    await writeFile(join(root, "Annotations", "a.xml"), wrong);
    await expect(open(root, options)).rejects.toThrow(/none of its 1 pictures could be read/);
    expect(warnings[0]).toMatch(/picture\.png: is \d+×\d+, but .*a\.xml describes 3×4; the picture is left out/);
  });
});
