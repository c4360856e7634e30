/** Folders and those above them, with the true reason where there can be none. */

import { existsSync } from "node:fs";
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeFolder } from "../../../src/node/files/writeFile.js";
import { rejection, withFolder } from "../server.js";

const codeOf = async (made: Promise<void>): Promise<string | undefined> =>
  ((await rejection(made)) as NodeJS.ErrnoException).code;

describe("makeFolder", () => {
  it("makes what is missing, also at once with others and through links", async () => {
    await withFolder(async (folder) => {
      const deep = join(folder, "a", "b", "c");
      await Promise.all([makeFolder(deep), makeFolder(deep), makeFolder(join(folder, "a", "d"))]);
      await makeFolder(deep);
      expect((await stat(deep)).isDirectory()).toBe(true);
      expect(existsSync(join(folder, "a", "d"))).toBe(true);
      await symlink(join(folder, "a"), join(folder, "link"));
      await makeFolder(join(folder, "link", "e"));
      expect(existsSync(join(folder, "a", "e"))).toBe(true);
    });
  });

  it("fails with the reason where a file or a broken link is in the way", async () => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, "file"), "x");
      expect(await codeOf(makeFolder(join(folder, "file")))).toBe("EEXIST");
      expect(await codeOf(makeFolder(join(folder, "file", "a", "b")))).toBe("ENOTDIR");
      await symlink(join(folder, "nowhere"), join(folder, "broken"));
      expect(await codeOf(makeFolder(join(folder, "broken", "a")))).toBe("ENOENT");
      await mkdir(join(folder, "there"));
      await expect(makeFolder(join(folder, "there"))).resolves.toBeUndefined();
    });
  });

  // Node's own mkdir with `recursive` tries for ever there.
  it.skipIf(!existsSync("/proc/self"))("ends where a file system takes no new folders", async () => {
    expect(await codeOf(makeFolder("/proc/yolov5-ts/a"))).toMatch(/^(ENOENT|EACCES|EPERM|EROFS)$/);
  });
});
