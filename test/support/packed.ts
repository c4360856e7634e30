/** The package as `npm install --omit=optional` lays it down: packed by npm, with the dependencies of the lock file. */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "./reference.js";

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly dev?: true; readonly optional?: true; readonly devOptional?: true; readonly peer?: true }>
  >;
}

/** What is installed beside the package: neither what only its development needs, nor what is optional. */
export function productionPackages(): string[] {
  const { packages } = JSON.parse(readFileSync(join(REPOSITORY, "package-lock.json"), "utf8")) as Lock;
  return Object.entries(packages).flatMap(([path, { dev, optional, devOptional, peer }]) =>
    path === "" || dev || optional || devOptional || peer ? [] : [path],
  );
}

/**
 * Packs what is built and unpacks it to `folder/node_modules/yolov5-ts`.
 * @returns the tarball.
 * @throws Error where the package is not built, or npm's words.
 */
export function installPacked(folder: string): string {
  if (!existsSync(join(REPOSITORY, "dist/node.js"))) throw new Error("dist/node.js is missing; run: npm run build");
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const [{ filename }] = JSON.parse(
    execFileSync("npm", pack, {
      cwd: REPOSITORY,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 60_000,
    }),
  ) as { readonly filename: string }[];
  const tarball = join(folder, filename);
  const installed = join(folder, "node_modules/yolov5-ts");
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"], { timeout: 60_000 });
  for (const path of productionPackages()) cpSync(join(REPOSITORY, path), join(folder, path), { recursive: true });
  return tarball;
}

export interface UserProject {
  readonly folder: string;
  dispose(): void;
}

/** An empty project of ES modules, outside the repository, with the package and nothing else installed. */
export function createUserProject(): UserProject {
  const folder = mkdtempSync(join(tmpdir(), "yolov5-user-"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  installPacked(folder);
  return { folder, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}
