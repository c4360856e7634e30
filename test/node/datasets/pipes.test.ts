/** Data sets whose description is a pipe: nobody writes into it, so that reading would never end. */

import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DatasetError } from "../../../src/errors.js";
import { openDataset } from "../../../src/node/datasets/open.js";

const root = await mkdtemp(join(tmpdir(), "pipes-"));
afterAll(() => rm(root, { recursive: true }));

test.skipIf(process.platform === "win32").each(["a.json", "a.yaml", "a.txt"])("%s", async (name) => {
  const path = join(root, name);
  execFileSync("mkfifo", [path]);
  const error: unknown = await openDataset(path, { names: [] }).catch((cause: unknown) => cause);
  expect(error instanceof DatasetError && error.message).toBe(`${path}: is a pipe or a device, not a file`);
});
