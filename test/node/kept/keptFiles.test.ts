/** The folder of prepared files: whose it must be. What is removed from it is in preparedStore.test.ts. */

import { chmod, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keep, keptFolder, readKept } from "../../../src/node/kept/keptFiles.js";

const CONTENTS = Uint8Array.of(1, 2, 3);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov5-folder-"));
  vi.stubEnv("YOLOV5_CACHE", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(process.platform === "win32")("the folder", () => {
  it("may be a link", async () => {
    await mkdir(join(folder, "elsewhere"), { mode: 0o700 });
    await symlink(join(folder, "elsewhere"), keptFolder());
    keep("mine", [CONTENTS]);
    expect(readKept("mine")).toEqual(CONTENTS);
  });

  it("is not read and not written if others may write to it", async () => {
    keep("mine", [CONTENTS]);
    expect(readKept("mine")).toEqual(CONTENTS);
    await chmod(keptFolder(), 0o770);
    expect(readKept("mine")).toBeUndefined();
    keep("another", [CONTENTS]);
    expect(await readdir(keptFolder())).toEqual(["mine"]);
    await chmod(keptFolder(), 0o700);
    expect(readKept("mine")).toEqual(CONTENTS);
  });
});
