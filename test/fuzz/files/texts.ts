/** Texts of strangers: descriptions in YAML, annotations in JSON, lists of pictures, label files. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseLabels } from "../../../src/eval/dataset/labels.js";
import { openDataset } from "../../../src/node/datasets/open.js";
import { oneLine } from "../../../src/printable.js";
import type { Draw } from "../draw.js";
import { json } from "./safetensors.js";

/** A YAML text of maps, lists, anchors, aliases, merges, tags and quotes, indented as it should be or not. */
function yaml(draw: Draw, depth = 3, indent = ""): string {
  const scalar = (): string =>
    draw.pick([
      ...[
        "no",
        "1",
        "0x10",
        "1e3",
        ".nan",
        "~",
        "''",
        '"a\\nb"',
        "*a",
        "*b",
        "!!binary aGk=",
        "!!int x",
        "!x y",
        "- -",
        "{",
        "[1,",
      ],
      ...["2001-01-01", "1:30", "? a", "|", ">", "%", "@", "`", "---", "...", "\t", "&a 1", "<<"],
      draw.text(),
    ]);
  if (depth === 0) return scalar();
  const key = (): string =>
    draw.pick([
      "path",
      "train",
      "val",
      "test",
      "names",
      "nc",
      "0",
      "1",
      "<<",
      "k",
      "&a k",
      `"${draw.text()}"`,
      "? a",
      "[a]",
    ]);
  return draw.weighted<() => string>([
    [2, scalar],
    [3, () => draw.several(1, 5, () => `\n${indent}${key()}: ${yaml(draw, depth - 1, `${indent}  `)}`).join("")],
    [2, () => draw.several(1, 5, () => `\n${indent}- ${yaml(draw, depth - 1, `${indent}  `)}`).join("")],
    [1, () => `[${draw.several(0, 4, () => yaml(draw, 0)).join(", ")}]`],
    [1, () => `&${draw.pick(["a", "b"])} ${yaml(draw, depth - 1, indent)}`],
    [0.2, () => draw.pick(["- ", "[", "{a: ", "? "]).repeat(draw.pick([10, 600, 5000]))],
    // Each list is twice the one before.
    [0.2, () => Array.from({ length: 25 }, (_, i) => `\n${indent}a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`).join("")],
  ])();
}

function description(draw: Draw): string {
  const lines = [
    `path: ${draw.pick([".", "..", "/nowhere", yaml(draw, 1, "  ")])}`,
    `val: ${draw.pick(["images", "list.txt", "[a, b]", yaml(draw, 2, "  ")])}`,
    `names: ${draw.pick(["[a, b]", "{0: a, 1: b}", "\n  0: a\n  1: b", yaml(draw, 2, "  ")])}`,
    `nc: ${draw.pick(["2", "2", "1e9", yaml(draw, 1, "  ")])}`,
  ];
  return draw.chance(0.5) ? lines.filter(() => draw.chance(0.85)).join("\n") : yaml(draw, 4);
}

function annotations(draw: Draw): string {
  const or = (value: unknown): unknown => (draw.chance(0.05) ? json(draw, 2) : value);
  const id = (): unknown => or(draw.between(1, 4));
  const box = (): unknown => or(draw.several(4, 4, () => draw.lie(3)));
  const outline = (): unknown => or(draw.pick<unknown>([[[1, 1, 2, 2, 3, 1]], { counts: "abc", size: [8, 8] }, []]));
  const content = {
    images: or(draw.several(0, 4, (i) => or({ id: i + 1, file_name: or("a.png"), width: or(8), height: or(8) }))),
    annotations: or(
      draw.several(0, 6, () =>
        or({ image_id: id(), category_id: id(), bbox: box(), segmentation: outline(), iscrowd: or(0) }),
      ),
    ),
    categories: or(draw.several(0, 4, (i) => or({ id: i + 1, name: or(draw.pick(["a", "b", draw.text()])) }))),
  };
  const text = JSON.stringify(content);
  return draw.chance(0.1) ? text.slice(0, draw.below(text.length)) : text;
}

function list(draw: Draw): string {
  const entry = (): string =>
    draw.pick([
      "a.png",
      "images/b.jpg",
      "./c.png",
      "",
      "/dev/zero",
      "http://u:p@localhost:1/x.png",
      "a\0b",
      "file:///%zz",
      draw.text(),
    ]);
  return draw.several(0, 20, entry).join(draw.pick(["\n", "\r\n", "\r", "\u2028"]));
}

function labels(draw: Draw): string {
  const number = (): string =>
    draw.pick(["0", "1", "0.5", "-1", "1e400", "nan", "0x1", "1_0", draw.text(), "9".repeat(draw.pick([1, 400]))]);
  return draw.several(0, 20, () => draw.several(0, 12, number).join(draw.pick([" ", "\t", "  ", ","]))).join("\n");
}

/** Opens one of them as a data set. */
export async function textCase(draw: Draw): Promise<void> {
  const [name, text] = draw.weighted<readonly [string, (draw: Draw) => string]>([
    [3, ["data.yaml", description]],
    [3, ["annotations.json", annotations]],
    [1, ["list.txt", list]],
    [1, ["labels.txt", labels]],
  ]);
  const content = text(draw);
  const folder = mkdtempSync(join(tmpdir(), "fuzz-"));
  try {
    const path = join(folder, name);
    writeFileSync(path, content);
    if (name === "labels.txt") {
      for (const { message } of parseLabels(content).problems) checkMessage(oneLine(message));
    } else {
      await openDataset(path, { names: ["a", "b"] });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Longest message, with the path that it begins with. */
const LONGEST = 1700;

/** @throws Error for a message that breaks its line, steers a terminal, or has no end. */
export function checkMessage(message: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  const odd = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.exec(message);
  if (odd)
    throw new Error(`a message with character ${odd[0].charCodeAt(0)} in it: ${JSON.stringify(message.slice(0, 300))}`);
  if (message.length > LONGEST) throw new Error(`a message of ${message.length} characters: ${message.slice(0, 300)}`);
}
