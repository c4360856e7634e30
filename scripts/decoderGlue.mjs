/**
 * esbuild plugin: the JavaScript around the decoders of @jsquash, without a word about where it lies.
 *
 * Their WebAssembly is embedded, so the glue never needs its own address. Bundlers of our users trip over it all the same:
 * webpack looks for the .wasm file that `new URL(…)` names, and makes `import.meta.url = …` an assignment to a string.
 */
import { readFile } from "node:fs/promises";

const GLUE = /@jsquash[\\/].*_dec\.js$/;

/** What each glue says once, and what it says here. */
const REWRITES = [
  [/if\(import\.meta\.url===undefined\)\{import\.meta\.url="https:\/\/localhost"\}/, ""],
  [/new URL\("\w+\.wasm",\s*import\.meta\.url\)\.href/, '""'],
  [/var _scriptDir = import\.meta\.url;/, 'var _scriptDir = "";'],
];

export const decoderGlue = {
  name: "decoder-glue",
  setup: ({ onLoad }) =>
    onLoad({ filter: GLUE }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const [pattern, replacement] of REWRITES) {
        if (!pattern.test(contents))
          throw new Error(`${path} no longer contains ${pattern}; adapt scripts/decoderGlue.mjs`);
        contents = contents.replace(pattern, replacement);
      }
      if (contents.includes("import.meta"))
        throw new Error(`${path}: import.meta is left; adapt scripts/decoderGlue.mjs`);
      return { contents, loader: "js" };
    }),
};
