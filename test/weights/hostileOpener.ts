/** Opens hostile files, each in a process of its own with 5 s of processor time and 1 GB. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect } from "vitest";
import { REPOSITORY } from "../support/reference.js";

interface Outcome {
  readonly opened: boolean;
  readonly engine?: boolean;
  readonly message?: string;
  readonly longestName?: number;
  readonly notes?: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly mib: number;
}

/** Opens a file, and runs it where it opens. */
export type OpenHostile = (file: Uint8Array, backend?: string) => Outcome;

/** For a suite: bundles the program that opens files, and removes it afterwards. */
export function hostileOpener(): OpenHostile {
  // Within the repository, so that the bundle finds its packages.
  const folder = mkdtempSync(join(REPOSITORY, "node_modules", ".hostile-"));
  const scratch = mkdtempSync(join(tmpdir(), "hostile-"));
  const child = join(folder, "child.mjs");

  beforeAll(async () => {
    await build({
      entryPoints: [join(REPOSITORY, "test", "weights", "hostileChild.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
      loader: { ".wgsl": "text" },
      outfile: child,
      logLevel: "error",
    });
  });
  afterAll(() => {
    for (const made of [folder, scratch]) rmSync(made, { recursive: true, force: true });
  });

  return (file, backend = "cpu") => {
    const path = join(scratch, "case");
    writeFileSync(path, file);
    // A heap of 1 GB: beyond it the process aborts, which fails the test.
    const out = execFileSync(process.execPath, ["--max-old-space-size=1024", child, path, backend], {
      timeout: 580_000,
    });
    const result = JSON.parse(out.toString()) as Outcome;
    expect(result.seconds).toBeLessThan(5);
    expect(result.mib).toBeLessThan(1024);
    if (!result.opened) expect(result).toMatchObject({ engine: true, message: expect.stringContaining("case: ") });
    return result;
  };
}
