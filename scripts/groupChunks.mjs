/**
 * Joins esbuild's chunks. It makes one for every set of entries that code is reached from, which is a hundred files of a few kB
 * for the command line: to find, read, compile and link each takes half a millisecond of a start.
 */

import { readFile, rm } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { rollup } from "rollup";

/** Maps to the sources, through esbuild's. */
const sourceMaps = {
  name: "source-maps",
  load: async (id) => ({ code: await readFile(id, "utf8"), map: await readFile(`${id}.map`, "utf8") }),
};

/**
 * Replaces `folder`'s entries, and `chunks` below it.
 * @param entries names of the entries, without `.js`.
 * @param groupsOf gets a function that gives all files which are loaded with a file, itself included; with `ever`, also those
 * that it may import later. Returns for the name of each group the files in it; of files in several groups the first counts.
 * What a file of a group imports must be in that group or in one before it.
 */
export async function groupChunks(folder, entries, groupsOf) {
  const bundle = await rollup({
    input: Object.fromEntries(entries.map((name) => [name, join(folder, `${name}.js`)])),
    external: (id) => !id.startsWith(".") && !isAbsolute(id),
    plugins: [sourceMaps],
    // esbuild has done it.
    treeshake: false,
    onwarn: ({ code, message }) => {
      if (code !== "CIRCULAR_DEPENDENCY") throw new Error(message);
    },
  });
  let groups;
  const manualChunks = (id, { getModuleInfo }) => {
    const loadedWith = (file, { ever = false } = {}) => {
      const found = new Set();
      const visit = (next) => {
        if (found.has(next)) return;
        found.add(next);
        const { importedIds = [], dynamicallyImportedIds = [] } = getModuleInfo(next) ?? {};
        for (const imported of ever ? [...importedIds, ...dynamicallyImportedIds] : importedIds) visit(imported);
      };
      visit(resolve(file));
      return found;
    };
    groups ??= Object.entries(groupsOf(loadedWith));
    return groups.find(([, files]) => files.has(id))?.[0];
  };
  try {
    await rm(join(folder, "chunks"), { recursive: true });
    await bundle.write({
      dir: folder,
      format: "es",
      sourcemap: true,
      entryFileNames: "[name].js",
      // esbuild's hashes end the names already.
      chunkFileNames: ({ name }) => `chunks/${name.replace(/-[A-Z0-9]{8}$/, "")}-[hash].js`,
      manualChunks,
    });
  } finally {
    await bundle.close();
  }
}
