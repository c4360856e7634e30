/** Which files of the repository are pages of the site, and where; a link between two of them works on both. */

import { posix } from "node:path";
import type { MarkdownRenderer } from "vitepress";

const FILES: Readonly<Record<string, string>> = {
  "README.md": "index.md",
  "README.zh-CN.md": "zh/index.md",
  "CONTRIBUTING.md": "contributing.md",
  "SECURITY.md": "security.md",
  "CHANGELOG.md": "changelog.md",
  "THIRD_PARTY.md": "third-party.md",
  "bench/RESULTS.md": "benchmarks.md",
  "models/README.md": "embedded-model.md",
  "examples/README.md": "examples.md",
  "test/pytorch/README.md": "pytorch-twin.md",
};

/** The home page is `docs/index.md`, and nothing else of these is documentation. */
export const EXCLUDED = [
  "README.md",
  "demo/**",
  "src/**",
  "scripts/**",
  "test/fixtures/**",
  "bench/peers/**",
  "runs/**",
];

/** `docs/optimising.zh-CN.md` → `zh/optimising.md`. @returns undefined for a file that is no page. */
export function sitePath(file: string): string | undefined {
  if (file in FILES) return FILES[file];
  const inDocs = /^docs\/(.*)\.md$/.exec(file)?.[1];
  if (inDocs === undefined) return undefined;
  return inDocs.endsWith(".zh-CN") ? `zh/${inDocs.slice(0, -".zh-CN".length)}.md` : `${inDocs}.md`;
}

/**
 * Turns `../bench/RESULTS.md#memory` into the page's address on the site. Links to other Markdown stay, so that the build
 * refuses them; a source file, which the site does not have, is named without a link.
 */
export function linksBetweenPages(md: MarkdownRenderer, root: string): void {
  md.core.ruler.push("links_between_pages", ({ tokens, env }) => {
    const folder = posix.dirname(posix.relative(root, env.realPath ?? env.path));
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === "link_open" ? token.attrGet("href") : null;
      if (!href || /^(?:[a-z]+:|#|\/)/i.test(href)) continue;
      const [path, anchor] = href.split("#", 2);
      const page = sitePath(posix.join(folder, path));
      if (page !== undefined) token.attrSet("href", `/${page}${anchor === undefined ? "" : `#${anchor}`}`);
      else if (!path.endsWith(".md")) token.attrs = null;
    }
  });
}
