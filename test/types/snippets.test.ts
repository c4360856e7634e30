/** Every TypeScript snippet of README, docs and doc comments compiles as it stands, in strict projects. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as api from "../../src/node.js";
import { REPOSITORY } from "../support/reference.js";
import { createProject, type Project } from "./support.js";

/** What snippets speak of without declaring it: the reader's own things. */
const READERS: Readonly<Record<string, string>> = {
  bar: "(loaded: number, total: number | undefined) => void",
  canvas: "HTMLCanvasElement",
  draw: "(result: Result) => void",
  file: "File",
  image: "HTMLImageElement",
  images: "readonly RgbImage[]",
  onNote: "(note: string) => void",
  onProgress: "OnProgress",
  signal: "AbortSignal",
  slider: "HTMLInputElement",
  video: "HTMLVideoElement",
  writeFile: "(path: string, bytes: Uint8Array) => Promise<void>",
};
/** In doc comments also what the lines before them would be. */
const BEFORE: Readonly<Record<string, string>> = { model: 'Awaited<ReturnType<typeof import("yolov5-ts").load>>' };

interface Snippet {
  readonly from: string;
  readonly text: string;
}

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

function markdownSnippets(): Snippet[] {
  return ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", ...filesBelow("docs", ".md")].flatMap((name) => {
    const text = readFileSync(join(REPOSITORY, name), "utf8");
    return [...text.matchAll(/^```(?:ts|typescript)\n(.*?)^```/gms)].map((found) => ({
      from: `${name}:${text.slice(0, found.index).split("\n").length}`,
      text: found[1],
    }));
  });
}

function commentSnippets(): Snippet[] {
  return filesBelow("src", ".ts").flatMap((name) => {
    const text = readFileSync(join(REPOSITORY, name), "utf8");
    return [...text.matchAll(/^ *\* @example\n(.*?)^ *(?:\* @|\*\/)/gms)].map((found) => ({
      from: `${name}:${text.slice(0, found.index).split("\n").length}`,
      text: found[1].replaceAll(/^ *\* ?/gm, ""),
    }));
  });
}

/** The snippet as a file: with what is declared around it, and in doc comments with the import that they leave out. */
function program({ text }: Snippet): string {
  const imported = /^import .* from "yolov5-ts"/m.test(text);
  const uses = (name: string): boolean => new RegExp(`(?<![.\\w"])${name}\\b`).test(text);
  const declares = (name: string): boolean => new RegExp(`(?:const|let|function)\\s+${name}\\b`).test(text);
  const free = { ...READERS, ...(imported ? {} : BEFORE) };
  const declared = Object.entries(free).filter(([name]) => uses(name) && !declares(name));
  const names = imported ? [] : Object.keys(api).filter((name) => uses(name) && !declares(name));
  return [
    'import type { OnProgress, Result, RgbImage } from "yolov5-ts";',
    names.length > 0 ? `import { ${names.join(", ")} } from "yolov5-ts";` : "",
    ...declared.map(([name, type]) => `declare const ${name}: ${type};`),
    text,
    "export type Used = [OnProgress, Result, RgbImage];",
  ].join("\n");
}

describe("snippets", () => {
  let project: Project;
  beforeAll(() => {
    project = createProject();
  });
  afterAll(() => project?.dispose());

  const snippets = [...markdownSnippets(), ...commentSnippets()];

  test("exist in README, docs and doc comments", () => {
    const sources = snippets.map(({ from }) => from.replace(/:\d+$/, ""));
    expect(sources).toEqual(expect.arrayContaining(["README.md", "docs/browser.md", "src/node.ts", "docs/video.md"]));
  });

  test.each([
    ["nodenext", "typescript", { module: "nodenext" }],
    ["bundler", "typescript", { module: "esnext", moduleResolution: "bundler" }],
    ["node10", "typescript-5.9", { module: "esnext", moduleResolution: "node10" }],
  ] as const)("compile with %s", (_, compiler, options) => {
    const files = Object.fromEntries(snippets.map((snippet, i) => [`snippet${i}.ts`, program(snippet)]));
    const said = project.compile(compiler, { ...options, lib: ["es2023", "dom"], types: ["node"] }, files);
    const named = said.replaceAll(/snippet(\d+)\.ts/g, (_match, i: string) => snippets[Number(i)].from);
    expect(named).toBe("");
  });
});
