/**
 * `npm run docs`: the documentation as a static site, the API from doc comments included. A broken link, a public name
 * without a comment and a type that nobody can import are errors.
 *   --base /path/   where the site will be served (default /)
 *   --out FOLDER    where it is written (default docs/.vitepress/dist)
 *   --check         only looks at the doc comments and writes nothing
 */

import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { brokenLinks } from "./brokenLinks.mjs";
import "./typescript6.mjs";

const { values } = parseArgs({
  options: {
    base: { type: "string", default: "/" },
    out: { type: "string", default: "docs/.vitepress/dist" },
    check: { type: "boolean", default: false },
  },
});

// After the import above, which decides which TypeScript they get.
const { Application } = await import("typedoc");
const app = await Application.bootstrapWithPlugins({ options: "scripts/docs/typedoc.json" });
const project = await app.convert();
if (project) app.validate(project);
if (!project || app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);
if (values.check) process.exit(0);
rmSync("docs/api", { recursive: true, force: true });
await app.generateOutputs(project);

const { build } = await import("vitepress");
await build("docs", { base: values.base, outDir: resolve(values.out) });

// VitePress looks for pages alone.
const broken = brokenLinks(resolve(values.out), values.base);
if (broken.length > 0) {
  console.error(`broken links:\n  ${broken.join("\n  ")}`);
  process.exit(1);
}
