/** The package's types in other people's projects: every compiler, resolution and library, libraries checked too. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as browser from "../../src/browser.js";
import * as page from "../../src/index.js";
import * as node from "../../src/node.js";
import * as serviceWorker from "../../src/serviceWorker.js";
import { Matrix } from "../support/matrix.js";
import { REPOSITORY } from "../support/reference.js";
import { COMPILERS, compilerVersion, createProject, type Project } from "./support.js";

const RESOLUTIONS = {
  nodenext: { module: "nodenext" },
  node16: { module: "node16" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
} as const;
const NODE10 = { module: "esnext", moduleResolution: "node10" } as const;

const NODE = { lib: ["es2022"], types: ["node"] };
const DOM = { lib: ["es2022", "dom"] };
const BOTH = { lib: ["es2022", "dom"], types: ["node"] };

const fixture = (name: string): string => readFileSync(join(REPOSITORY, "test/types/fixtures", `${name}.txt`), "utf8");

describe("types in users' projects", () => {
  let project: Project;
  const matrix = new Matrix("TypeScript", [
    "TypeScript",
    "Node (`types: node`)",
    "pages (`lib: dom`)",
    "both together",
  ]);
  beforeAll(() => {
    project = createProject();
  });
  afterAll(() => project?.dispose());

  test.each(COMPILERS)("%s compiles with every resolution in Node, in pages, and in both together", (compiler) => {
    for (const resolution of Object.values(RESOLUTIONS)) {
      expect(project.compile(compiler, { ...resolution, ...NODE }, { "server.ts": fixture("server") })).toBe("");
      expect(project.compile(compiler, { ...resolution, ...DOM }, { "page.ts": fixture("page") })).toBe("");
    }
    const both = { "server.ts": fixture("server"), "page.ts": fixture("page"), "same.ts": fixture("same") };
    expect(project.compile(compiler, { ...RESOLUTIONS.bundler, ...BOTH }, both)).toBe("");
    const all = Object.keys(RESOLUTIONS).join(", ");
    matrix.add(compilerVersion(compiler), all, all, compiler === "typescript-5.9" ? "bundler, node10" : "bundler");
  });

  test("node10 of older projects works", () => {
    const both = { "server.ts": fixture("server"), "page.ts": fixture("page"), "same.ts": fixture("same") };
    expect(project.compile("typescript-5.9", { ...NODE10, ...BOTH }, both)).toBe("");
  });

  test("docs/consumers.md has the table of what compiled", () => matrix.check());

  test("mistakes are still errors", () => {
    const said = project.compile("typescript", { ...RESOLUTIONS.nodenext, ...BOTH }, { "wrong.ts": fixture("wrong") });
    const lines = fixture("wrong").split("\n");
    const expected = lines.flatMap((line, i) => (line.includes("// error") ? [i + 1] : []));
    const found = [...said.matchAll(/^wrong\.ts\((\d+),/gm)].map(([, line]) => Number(line));
    expect([...new Set(found)]).toEqual(expected);
  });

  test("all entries export the same names", () => {
    const names = (entry: object): string[] => Object.keys(entry).sort();
    expect(names(page)).toEqual(names(node));
    expect(names(node)).toEqual(expect.arrayContaining(names(browser)));
    expect(names(serviceWorker)).toEqual(names(browser));
  });

  test.each([
    ...["readVideo", "probeVideo", "openDataset", "openClassificationDataset", "knownModelNames"],
    ...["savePicture", "openLabelFont", "encodeJpeg", "encodePng", "createServer"],
  ])("%s in a page says what to do instead", (name) => {
    const entry: Readonly<Record<string, unknown>> = { ...page };
    const call = entry[name] as (...args: unknown[]) => unknown;
    expect(() => call("x")).toThrow(new RegExp(`^${name} needs Node; in a page .{10}`));
  });

  test("loadInWorker in Node says what to do instead", async () => {
    await expect(node.loadInWorker("codes")).rejects.toThrow(
      "loadInWorker needs a web page or a web worker; in Node use load()",
    );
    expect(() => page.VideoWriter.open("x.mp4", { width: 2, height: 2, rate: "25" })).toThrow(
      /^VideoWriter needs Node/,
    );
  });
});
