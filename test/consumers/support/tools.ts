/** What `setup.ts` installed: modules, programs and versions. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** A package of the tools, as a module of its own. */
export async function importTool<Module>(tools: string, name: string): Promise<Module> {
  const path = createRequire(join(tools, "package.json")).resolve(name);
  return (await import(/* @vite-ignore */ pathToFileURL(path).href)) as Module;
}

/** The program that a package has as its command; undefined where it has no build for this machine. */
export function toolProgram(tools: string, path: string): string | undefined {
  const program = join(tools, "node_modules", path);
  return existsSync(program) ? program : undefined;
}

/** The major version of a package, below `folder`. */
export function majorVersion(folder: string, name: string): string {
  const { version } = JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")) as {
    readonly version: string;
  };
  return version.split(".")[0];
}
