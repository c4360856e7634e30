/** Class and file names that forge lines, drive the terminal or break documents, through every output of the command line. */

import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { reportHtml } from "../../../src/cli/compress/report.js";
import { REPOSITORY } from "../../support/reference.js";
import { cli, EXAMPLE, FAST, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const NAMES = [
  "qr\nerror: forged line\r\nResults saved to /etc",
  "bar\u001b]0;PWNED\u0007\u001b[2J\u009b31m",
  "aruco\u202egpj.exe\u2066\u200f\u2028x",
  "data\u0000\ud800\u007f\ufffe\tmatrix",
];
const HARMFUL = { harmful: true };
const BAD = /[^\P{Cc}\n]|[\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** The embedded model with those names. */
async function forgedModel(): Promise<string> {
  const bytes = await readFile(join(REPOSITORY, "models", "codes.safetensors"));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  header.__metadata__.names = JSON.stringify(NAMES);
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  const path = join(folder, "forged.safetensors");
  await writeFile(path, Buffer.concat([size, text, bytes.subarray(8 + length)]));
  return path;
}

const weights = await forgedModel();

/** No line begins as one of the product's own would, and nothing drives the terminal. */
function expectHarmless(text: string): void {
  expect(text).not.toMatch(BAD);
  expect(text).not.toMatch(/^(error: forged|Results saved to \/etc)/m);
}

describe("forged names", () => {
  test("do not forge lines in stack traces of DEBUG=1", async () => {
    const { stderr } = await cli(["info", "--weights", `none\u001b[2J\u009b\u202e.pt`], {
      ...HARMFUL,
      env: { DEBUG: "1" },
    });
    expect(stderr).toContain("at ");
    expect(stderr).not.toMatch(BAD);
  });

  test("are escaped in the HTML report", async () => {
    const html = await reportHtml({
      ...{ weights: NAMES[0], data: NAMES[1], device: NAMES[2], last: NAMES[3], notes: NAMES },
      ...{ pictures: 1, imgsz: 64, rows: [], sensitivities: [], examples: [], curve: [], int8Curve: [] },
      ranks: [{ layer: NAMES[0], channels: 8, rank: 4, left: 0.9 }],
    });
    expectHarmless(html);
    expect(html).not.toContain("\ufffe");
  });

  test("do not forge lines in info, as text and JSON", async () => {
    const { code, stdout, stderr } = await cli(["info", "--weights", weights, "--backend", "cpu"], HARMFUL);
    expect(code).toBe(0);
    expectHarmless(stdout + stderr);
    const json = await cli(["info", "--weights", weights, "--backend", "cpu", "--json", "-"], HARMFUL);
    expectHarmless(json.stdout + json.stderr);
    expect(JSON.parse(json.stdout).names.slice(0, 3)).toEqual(NAMES.slice(0, 3));
  });

  test("do not forge lines in detect's table, log, JSON, NDJSON and crops, also as the name of a picture", async () => {
    const pictures = join(folder, "pictures");
    await mkdir(pictures);
    const name = "a\nerror: forged line\u001b[2J\u202e.png";
    await cp(EXAMPLE, join(pictures, name));
    await writeFile(join(pictures, "b\nerror: forged \u009b.jpg"), "no picture");
    const ndjson = join(folder, "lines.ndjson");
    const argv = ["detect", "--weights", weights, "--source", pictures, "--project", folder, ...FAST, "--save-txt"];
    const { code, stdout, stderr } = await cli([...argv, "--json", "-", "--ndjson", ndjson], HARMFUL);
    expect(code).toBe(1);
    expectHarmless(stdout);
    expectHarmless(stderr);
    expect(stderr.match(/^error: /gm)).toHaveLength(1);
    const { images } = JSON.parse(stdout);
    expect(images[0].detections[0].name).toBe(NAMES[images[0].detections[0].class]);
    const lines = (await readFile(ndjson, "utf8")).trimEnd().split("\n");
    expectHarmless(lines.join("\n"));
    expect(lines.map((line) => JSON.parse(line).source)).toContain(join(pictures, name));
  });

  test("do not forge lines in val's table and plots, which are well-formed XML", async () => {
    const data = join(folder, "data");
    await mkdir(join(data, "images", "val"), { recursive: true });
    await mkdir(join(data, "labels", "val"), { recursive: true });
    await cp(EXAMPLE, join(data, "images", "val", "x.png"));
    await writeFile(
      join(data, "labels", "val", "x.txt"),
      "0 0.5 0.5 0.2 0.2\n1 0.3 0.3 0.1 0.1\n2 0.7 0.7 0.1 0.1\n3 0.1 0.1 0.1 0.1\n",
    );
    const argv = [
      "val",
      "--weights",
      weights,
      "--data",
      data,
      "--project",
      folder,
      "--name",
      "val",
      ...FAST,
      "--verbose",
    ];
    const { code, stdout, stderr } = await cli(argv, HARMFUL);
    expect([code, stderr.split("\n").filter((line) => line.startsWith("error"))]).toEqual([0, []]);
    expectHarmless(stdout + stderr);
    const drawn = (await readdir(join(folder, "val"))).filter((file) => file.endsWith(".svg"));
    expect(drawn.length).toBe(5);
    for (const file of drawn) {
      const svg = await readFile(join(folder, "val", file), "utf8");
      expect(svg).not.toMatch(BAD);
      expect(svg).not.toMatch(/\ufffe|\uffff/);
    }
  });
});
