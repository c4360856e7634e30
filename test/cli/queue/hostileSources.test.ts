/** What never ends, given to `enqueue`. */

import { execFileSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sourceLines } from "../../../src/cli/queue/sourceLines.js";
import { scratchFolder } from "../support.js";

const folder = await scratchFolder();

test.skipIf(process.platform === "win32").each(["pipe", "device"])("a list that is a %s is refused", async (kind) => {
  const list = join(folder, `${kind}.txt`);
  if (kind === "pipe") execFileSync("mkfifo", [list]);
  else symlinkSync("/dev/zero", list);
  const lines = sourceLines([list], new AbortController().signal);
  await expect(lines.next()).rejects.toThrow(`${list}: is a pipe or a device, not a file; give a list`);
});
