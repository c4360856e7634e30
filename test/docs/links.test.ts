/** Links in the repository's Markdown lead to files that exist, and to headings that they have. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { createMarkdownRenderer, type MarkdownRenderer } from "vitepress";
import { beforeAll, expect, test } from "vitest";
import { REPOSITORY } from "../support/reference.js";

const FOLDERS = [".", "docs", "bench", "models", "examples", "test/pytorch"];
const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(REPOSITORY, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name)),
);

let md: MarkdownRenderer;
beforeAll(async () => {
  md = await createMarkdownRenderer(REPOSITORY, { highlight: (text) => text });
});

const tokensOf = (text: string): ReturnType<MarkdownRenderer["parse"]> => md.parse(text, {});

function anchorsOf(path: string): readonly string[] {
  const headings = tokensOf(readFileSync(path, "utf8")).filter(({ type }) => type === "heading_open");
  return headings.map((heading) => heading.attrGet("id") ?? "");
}

/** Addresses in links, pictures and the HTML that READMEs have for pictures. */
function addressesOf(text: string): readonly string[] {
  const tokens = tokensOf(text).flatMap((token) => [token, ...(token.children ?? [])]);
  const html = tokens.filter(({ type }) => type.startsWith("html_")).map(({ content }) => content);
  return [
    ...tokens.map((token) => token.attrGet("href") ?? token.attrGet("src")),
    ...html.flatMap((content) => [...content.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, address]) => address)),
  ].filter((address) => address !== null);
}

function brokenIn(file: string, text = readFileSync(join(REPOSITORY, file), "utf8")): readonly string[] {
  return addressesOf(text).filter((address) => {
    if (/^[a-z]+:/i.test(address)) return false;
    const [path, anchor] = decodeURI(address).split("#", 2);
    const target = path === "" ? join(REPOSITORY, file) : join(REPOSITORY, dirname(file), path);
    if (!existsSync(target) || relative(REPOSITORY, target).startsWith("..")) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).includes(anchor);
  });
}

test.each(files)("%s", (file) => {
  expect(brokenIn(file)).toEqual([]);
});

test("broken links are found", () => {
  const text =
    "[a](none.md) [b](README.md#none) ![c](none.png) [d](../shared/README.md) <img src='x'> <img src=\"none.jpg\">";
  expect(brokenIn("README.md", text)).toEqual([
    "none.md",
    "README.md#none",
    "none.png",
    "../shared/README.md",
    "none.jpg",
  ]);
  expect(
    brokenIn("README.md", "[a](docs/speed.md#measure-it-yourself) [b](#install) [c](https://example.org)"),
  ).toEqual([]);
});
