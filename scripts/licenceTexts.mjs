/** Writes the licence texts of the packages whose code is part of `dist`: their names come from esbuild's own reports. */

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** `node_modules/@scope/name` of every package with a file among the inputs, or with an embedded module there. */
async function packagesOf(metafiles) {
  const paths = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = paths.flatMap((path) => /node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  for (const path of paths.filter((input) => input.endsWith("Wasm.generated.ts"))) {
    // scripts/embedDecoders.mjs names the package in the first line.
    const [, name] = / of (\S+) \S+ \(/.exec(await readFile(path, "utf8")) ?? [];
    if (name === undefined) throw new Error(`${path}: its first line names no package`);
    folders.push(`node_modules/${name}`);
  }
  return [...new Set(folders)].sort();
}

/** @throws Error for a package without one: its code cannot be passed on like this. */
export async function writeLicenceTexts(metafiles, file) {
  const parts = [];
  for (const folder of await packagesOf(metafiles)) {
    const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const texts = (await readdir(folder)).filter((entry) => /^(licen[cs]e|notice)/i.test(entry)).sort();
    if (texts.length === 0) throw new Error(`${folder}: has no licence text`);
    const read = await Promise.all(texts.map((entry) => readFile(join(folder, entry), "utf8")));
    parts.push(`${name} ${version} (${license})`, ...read.map((text) => text.trim()));
  }
  await writeFile(file, `${parts.join("\n\n")}\n`);
}
