/**
 * esbuild plugin: CommonJS packages inside `dist`, so that they run in bundles of our users too, whatever their format.
 *
 * Left as packages they do not: esbuild turns `require("process")` inside an ES module into "Dynamic require of "process" is
 * not supported". Here it becomes `process.getBuiltinModule("process")`, which works in ES modules and in CommonJS, wherever
 * they lie, and only at the time it is asked for: undici names modules that not every version of Node has.
 */
import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";

/** undici shortens stack traces by its file's name, which webpack promises (`typeof`) and does not give. */
const FILE_NAME = "typeof __filename !== 'undefined' ? __filename : undefined";

export const bundledCommonJs = {
  name: "bundled-common-js",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[a-z]/ }, ({ path, kind }) =>
      kind === "require-call" && (path.startsWith("node:") || isBuiltin(path))
        ? { path, namespace: "builtin" }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: "js",
    }));
    onLoad({ filter: /[\\/]undici[\\/]index\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      if (!source.includes(FILE_NAME)) throw new Error(`${path} no longer contains ${FILE_NAME}; adapt this plugin`);
      return { contents: source.replace(FILE_NAME, "undefined"), loader: "js" };
    });
  },
};
