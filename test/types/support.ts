/** The package as npm would install it, with its types, and TypeScript projects that use it. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../support/reference.js";

/** Compilers by the names of their packages here. */
export const COMPILERS = ["typescript-5.9", "typescript-6", "typescript"] as const;
export type Compiler = (typeof COMPILERS)[number];

export interface Project {
  readonly folder: string;
  /** Compiles `files` (name → text) with the package beside them. @returns the errors, empty where there are none. */
  compile(
    compiler: Compiler,
    options: Readonly<Record<string, unknown>>,
    files: Readonly<Record<string, string>>,
  ): string;
  dispose(): void;
}

const compilerPath = (name: string): string => join(REPOSITORY, "node_modules", name, "bin/tsc");

/** `5.9`. */
export function compilerVersion(name: Compiler): string {
  const file = join(REPOSITORY, "node_modules", name, "package.json");
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version: string };
  return version.split(".").slice(0, 2).join(".");
}

/** @throws Error with tsc's words where the types cannot be made. */
export function createProject(): Project {
  const folder = mkdtempSync(join(tmpdir(), "yolov5-types-"));
  const installed = join(folder, "node_modules/yolov5-ts");
  mkdirSync(installed, { recursive: true });
  cpSync(join(REPOSITORY, "package.json"), join(installed, "package.json"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
  for (const name of ["@types", "undici-types"]) {
    symlinkSync(join(REPOSITORY, "node_modules", name), join(folder, "node_modules", name));
  }
  const out = join(installed, "dist/types");
  const made = spawnSync(process.execPath, [compilerPath("typescript"), "-p", "tsconfig.build.json", "--outDir", out], {
    cwd: REPOSITORY,
    encoding: "utf8",
  });
  if (made.status !== 0) throw new Error(made.stdout + made.stderr);
  return {
    folder,
    compile(compiler, options, files) {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      const config = {
        compilerOptions: { strict: true, noEmit: true, target: "es2022", types: [], skipLibCheck: false, ...options },
        files: Object.keys(files),
      };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
      const { stdout, stderr } = spawnSync(process.execPath, [compilerPath(compiler), "-p", "."], {
        cwd: folder,
        encoding: "utf8",
      });
      return (stdout + stderr).trim();
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
