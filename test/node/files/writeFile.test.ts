/** Files whole or not at all; FIFOs, devices and links written as what they are; the true reason where it fails. */

import { execFileSync, spawn } from "node:child_process";
import { existsSync, lstatSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OutputError } from "../../../src/errors.js";
import { openForLines, temporaryName, writeAtomically } from "../../../src/node/files/writeFile.js";
import { rejection, withFolder } from "../server.js";

const BYTES = new TextEncoder().encode("as it should be\n");
const posix = process.platform !== "win32";

describe("writeAtomically", () => {
  it("creates the folder, leaves no partial file, and keeps the old file if it cannot write", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "a", "b", "w.pt");
      await writeAtomically(path, BYTES);
      expect(await readFile(path, "utf8")).toBe("as it should be\n");
      expect(await readdir(join(folder, "a", "b"))).toEqual(["w.pt"]);

      await writeFile(join(folder, "file"), "x");
      const error = await rejection(writeAtomically(join(folder, "file", "w.pt"), BYTES));
      expect(error).toBeInstanceOf(OutputError);
      expect(error.message).toBe(
        `${join(folder, "file", "w.pt")}: cannot be written: ${join(folder, "file")} is a file, not a folder; write elsewhere`,
      );
      expect(await readFile(join(folder, "file"), "utf8")).toBe("x");
    });
  });

  it("accepts every name that the file system accepts, and explains what is wrong with longer ones", async () => {
    await withFolder(async (folder) => {
      for (const name of ["x".repeat(255), `${"あ".repeat(84)}ab.`]) {
        await writeAtomically(join(folder, name), BYTES);
        expect(existsSync(join(folder, name))).toBe(true);
      }
      const long = join(folder, "x".repeat(256));
      expect((await rejection(writeAtomically(long, BYTES))).message).toBe(
        `${long}: cannot be written: the name is longer than the file system allows; give a shorter one`,
      );
      expect(temporaryName(long).length).toBeLessThan(long.length);
      expect(await readdir(folder)).toHaveLength(2);
    });
  });

  it("refuses to replace a folder", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "results");
      await mkdir(path);
      expect((await rejection(writeAtomically(path, BYTES))).message).toBe(
        `${path}: cannot be written: is a folder; give the name of a file`,
      );
      expect(await readdir(folder)).toEqual(["results"]);
    });
  });
});

describe.skipIf(!posix)("on POSIX systems", () => {
  it("keeps the permissions of a file that it replaces", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "shared.json");
      await writeFile(path, "old");
      await chmod(path, 0o664);
      await writeAtomically(path, BYTES);
      expect((await stat(path)).mode & 0o777).toBe(0o664);
    });
  });

  it("writes to a link's target, even a missing one, and keeps the link", async () => {
    await withFolder(async (folder) => {
      await mkdir(join(folder, "far"));
      await writeFile(join(folder, "far", "old.json"), "old");
      await symlink(join("far", "old.json"), join(folder, "a.json"));
      await symlink("a.json", join(folder, "b.json"));
      await symlink(join("far", "new.json"), join(folder, "c.json"));
      for (const name of ["b.json", "c.json"]) await writeAtomically(join(folder, name), BYTES);
      for (const name of ["a.json", "b.json", "c.json"]) {
        expect(lstatSync(join(folder, name)).isSymbolicLink()).toBe(true);
      }
      for (const name of ["old.json", "new.json"]) {
        expect(await readFile(join(folder, "far", name), "utf8")).toBe("as it should be\n");
      }
      await symlink("loop", join(folder, "loop"));
      expect((await rejection(writeAtomically(join(folder, "loop"), BYTES))).message).toContain(
        "its symbolic links form a loop",
      );
    });
  });

  it("sends everything to the reader of a FIFO, directly, through a link, and line by line", async () => {
    await withFolder(async (folder) => {
      const fifo = join(folder, "fifo");
      execFileSync("mkfifo", [fifo]);
      await symlink("fifo", join(folder, "link"));
      const large = new Uint8Array(300_000).fill(65);
      for (const [name, bytes] of [
        ["fifo", BYTES],
        ["link", large],
      ] as const) {
        const reader = readerOf(fifo);
        await writeAtomically(join(folder, name), bytes);
        expect((await reader).length).toBe(bytes.length);
        expect(lstatSync(fifo).isFIFO()).toBe(true);
      }
      const reader = readerOf(fifo);
      const lines = await openForLines(fifo);
      for (const text of ["one\n", "two\n"]) await lines.write(text);
      await lines.close();
      expect((await reader).toString()).toBe("one\ntwo\n");
      expect(await readdir(folder)).toEqual(["fifo", "link"]);
    });
  });

  it("says why a full device cannot be written, and leaves it a device", async (context) => {
    await withFolder(async (folder) => {
      // A node of its own: the system's must not be touched by a test.
      const full = join(folder, "full");
      try {
        execFileSync("mknod", [full, "c", "1", "7"], { stdio: "ignore" });
        await writeFile(full, "x").catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "ENOSPC") throw error;
        });
      } catch {
        console.warn("skipped: no device nodes can be made here");
        context.skip();
      }
      expect((await rejection(writeAtomically(full, BYTES))).message).toBe(
        `${full}: cannot be written: no space left on the device; free some or write elsewhere`,
      );
      expect(lstatSync(full).isCharacterDevice()).toBe(true);
    });
  });
});

describe("openForLines", () => {
  it("truncates the old file and grows as lines arrive", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "a", "log.ndjson");
      await mkdir(join(folder, "a"));
      await writeFile(path, "old");
      const lines = await openForLines(path);
      await lines.write("one\n");
      expect(await readFile(path, "utf8")).toBe("one\n");
      await lines.write("two\n");
      await lines.close();
      expect(await readFile(path, "utf8")).toBe("one\ntwo\n");
    });
  });
});

/** What another process reads from a FIFO up to its end. */
function readerOf(fifo: string): Promise<Buffer> {
  const child = spawn("cat", [fifo], { stdio: ["ignore", "pipe", "inherit"] });
  const parts: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", () => done(Buffer.concat(parts)));
  });
}
