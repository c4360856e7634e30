/** Texts of strangers beside pictures: whatever they hold, they are read or refused in one short line, in time linear in their length. */

import { describe, expect, it } from "vitest";
import { shownAddress, withoutSecrets } from "../../src/api/address.js";
import { atOnce } from "../../src/breathe.js";
import { DatasetError } from "../../src/errors.js";
import { cocoAnnotations } from "../../src/eval/dataset/cocoJson.js";
import { parseDataDescription } from "../../src/eval/dataset/dataYaml.js";
import { parseLabels } from "../../src/eval/dataset/labels.js";
import { parseYaml } from "../../src/node/files/yamlText.js";
import { oneLine } from "../../src/printable.js";
import { collidingNumbers, soon } from "../support/limits.js";

const MANY = 40_000;
const lines = (make: (i: number) => string, count = MANY): string =>
  Array.from({ length: count }, (_, i) => make(i)).join("\n");

/** Of whatever is thrown. */
function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("YAML in linear time", () => {
  it.each<[string, string, RegExp | undefined]>([
    ["40,000 keys", lines((i) => `k${i}: 1`), undefined],
    ["40,000 keys on one line", `a: {${lines((i) => `k${i}: 1,`).replaceAll("\n", " ")}}`, undefined],
    [
      "numbers as keys whose hashes collide",
      collidingNumbers(30_000)
        .map((key) => `${key}: 1`)
        .join("\n"),
      undefined,
    ],
    ["an anchor a key", lines((i) => `k${i}: &a${i} 1`, 20_000), undefined],
    ["an error a line", lines(() => "a: @"), /is not valid YAML: [^\n]+ at line 1, column \d+$/],
    ["strings in a row", `a: ${'"x"'.repeat(40_000)}`, /is not valid YAML: [^\n]+ at line 1, column 7$/],
    [
      "an alias an anchor",
      `${lines((i) => `- &a${i} 1`, 9000)}\n${lines((i) => `- *a${i}`, 9000)}`,
      /more than 1000 aliases/,
    ],
    ["3 MB", `a: ${"x".repeat(3e6)}`, /more than 2097152 characters/],
    ["40,000 keys that are one", lines(() => "a: 1"), undefined],
    ["maps nested as keys", `${"? ".repeat(400)}a`, /a key that is not a scalar$/],
    ["maps nested as keys, in braces", `${"{".repeat(400)}a${": 1}".repeat(400)}`, /a key that is not a scalar$/],
    ["a list as key, by its name", "a: &a [1]\n? *a\n: 1", /a key that is not a scalar$/],
  ])("%s", async (_, text, message) => {
    const found = await soon(() => messageOf(() => parseYaml(text)));
    if (message) expect(found).toMatch(message);
    else expect(found).toBe("");
    expect(found.length).toBeLessThan(300);
  });

  it("several merge keys in one map", () => {
    expect(parseYaml("a: &a {x: 1}\nb: {<<: *a, <<: *a, 1: n}")).toMatchObject({ b: { x: 1, 1: "n" } });
  });
});

describe("label files in linear time", () => {
  it.each([
    ["digits", `${"9".repeat(300_000)}x`, '"999'],
    ["digits before an exponent", `1.${"9".repeat(300_000)}ee`, '"1.999'],
    ["a class of digits", `-${"9".repeat(300_000)} 0 0 1 1`, "the class -999"],
    ["a coordinate of digits", `0 ${"9".repeat(300_000)} 0 1 1`, "999"],
  ])("%s", async (_, text, begin) => {
    const { problems } = await soon(() => parseLabels(text));
    expect(problems).toHaveLength(1);
    expect(problems[0].message.startsWith(begin)).toBe(true);
    expect(problems[0].message.length).toBeLessThan(300);
  });
});

describe("COCO's annotations", () => {
  const sound = {
    images: [{ id: 1, file_name: "a.png", width: 8, height: 8 }],
    annotations: [{ id: 1, image_id: 1, category_id: 1, bbox: [1, 1, 2, 2] }] as unknown[],
    categories: [{ id: 1, name: "a" }] as unknown[],
  };
  const parse = (part: object): unknown => atOnce(cocoAnnotations({ ...sound, ...part }, ["a"], "case.json"));
  const image = (part: object): object => ({ images: [{ ...sound.images[0], ...part }] });
  const deep = JSON.parse("[".repeat(4000) + "]".repeat(4000));

  it.each<[string, object, RegExp]>([
    ["no image", { images: [null] }, /images\[0\] must be an object, not null$/],
    ["a number for an annotation", { annotations: [7] }, /annotations\[0\] must be an object, not 7$/],
    ["a list for a category", { categories: [[1]] }, /categories\[0\] must be an object, not <list of 1>$/],
    ["an id that is none", image({ id: {} }), /an image's id must be a number or a string, not <object>/],
    ["an id that is nested", { categories: [{ id: deep, name: "a" }] }, /category_id 1 is not in "categories"/],
    [
      "a name that is nested",
      {
        annotations: [],
        categories: [{ name: deep }, { name: "z" }],
      },
      /<list of 1>/,
    ],
    ["a width that is nested", image({ width: deep }), /needs its width/],
    ["a name of 10^5 characters", { annotations: [], categories: [{ name: "y".repeat(1e5) }, { name: "z" }] }, /"yyy/],
    ["a long reference", { annotations: [{ image_id: "y".repeat(1e5) }] }, /image_id yyy/],
    [
      "a long box",
      { annotations: [{ image_id: 1, category_id: 1, bbox: new Array(1e5).fill(1) }] },
      /not <list of 100000>/,
    ],
    ["a nested box", { annotations: [{ image_id: 1, category_id: 1, bbox: deep }] }, /not \[<list of 1>\]/],
    ["no file name", image({ file_name: null }), /image 1 has no "file_name"/],
  ])("%s is one line", (_, part, message) => {
    expect(() => parse(part)).toThrow(DatasetError);
    const found = messageOf(() => parse(part));
    expect(found).toMatch(message);
    expect(found).not.toContain("\n");
    expect(found.length).toBeLessThan(500);
  });

  it("a nested outline is not numeric", () => {
    const annotations = [{ ...(sound.annotations[0] as object), segmentation: [[deep, deep, 1, 1, 1, 1]] }];
    expect(() => parse({ annotations })).not.toThrow();
  });

  it("accepts 60,000 IDs whose hashes collide", async () => {
    const images = collidingNumbers(60_000).map((id) => ({ id, file_name: "a.png", width: 8, height: 8 }));
    const annotations = images.map(({ id }) => ({ image_id: id, category_id: 1, bbox: [1, 1, 2, 2] }));
    const { pictures } = await soon(() =>
      atOnce(cocoAnnotations({ ...sound, images, annotations }, ["a"], "case.json")),
    );
    expect(pictures).toHaveLength(60_000);
  });
});

describe("descriptions of data sets", () => {
  const deep = parseYaml("[".repeat(400) + "]".repeat(400));
  it.each<[object, RegExp]>([
    [{ path: "x".repeat(1e5), val: "v", nc: "9".repeat(1e5) }, /not "999/],
    [{ path: deep, val: "v" }, /"path" must be a string, not <list of 1>/],
    [{ val: "v", nc: deep }, /not <list of 1>/],
    [{ val: "v", names: { ["k".repeat(1e5)]: 1 } }, /its keys: kkk/],
  ])("show values truncated", (content, message) => {
    const found = messageOf(() => parseDataDescription(content, "val", "data.yaml"));
    expect(found).toMatch(message);
    expect(found.length).toBeLessThan(500);
  });

  it("names that are not scalars are shown by type", () => {
    expect(parseDataDescription({ val: "v", names: [deep, 7] }, "val", "x").names).toEqual(["<list of 1>", "7"]);
  });
});

describe("long words in messages", () => {
  it.each<[string, (text: string) => string, string]>([
    ["blanks", oneLine, `a${" ".repeat(3e5)}b`],
    ["blanks and lines", oneLine, `a${" \n ".repeat(1e5)}b`],
    ["words of an address", shownAddress, `rtsp://h/${"a.".repeat(2e5)}`],
    ["words that could be schemes", withoutSecrets, "a-".repeat(2e5)],
    ["schemes", withoutSecrets, "a://".repeat(1e5)],
  ])("%s are scanned once", async (_, clean, text) => {
    expect(typeof (await soon(() => clean(text)))).toBe("string");
  });

  it("lose line breaks and secrets", () => {
    expect(oneLine("  a \r\n\n b\u2028c ")).toBe("a b c");
    expect(withoutSecrets("x http://u:p@h/ (rtsp://t@h) 1ftp://a:b@c")).toBe(
      "x http://u:***@h/ (rtsp://***@h) 1ftp://a:***@c",
    );
  });
});
