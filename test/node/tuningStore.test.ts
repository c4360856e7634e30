/** The file that keeps what tuning found out: a cache that nothing may depend on. */

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { fileTuningStore, tuningPath } from "../../src/node/tuningStore.js";

let folder: string;
const notes: string[] = [];
const tuningStore = fileTuningStore((note) => notes.push(note));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov5-tuning-"));
  vi.stubEnv("YOLOV5_CACHE", join(folder, "cache"));
  notes.length = 0;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

it("returns what was stored by adapter, and leaves no other file", async () => {
  expect(await tuningStore.load("a")).toBeUndefined();
  await tuningStore.save("a", "1");
  await tuningStore.save("b", "2");
  await tuningStore.save("a", "3");
  expect([await tuningStore.load("a"), await tuningStore.load("b")]).toEqual(["3", "2"]);
  expect(await readdir(join(folder, "cache"))).toEqual(["webgpu-tuning.json"]);
});

it("keeps the newest tables only", async () => {
  for (let i = 0; i < 12; i++) await tuningStore.save(`adapter ${i}`, `${i}`);
  expect(await tuningStore.load("adapter 0")).toBeUndefined();
  expect(await tuningStore.load("adapter 11")).toBe("11");
  expect(Object.keys(JSON.parse(await readFile(tuningPath(), "utf8")).tables)).toHaveLength(8);
});

it.each(["", "{", "null", '{"version":2,"tables":{"a":"1"}}', '{"version":1,"tables":null}'])(
  "ignores %j, says so once, and overwrites it",
  async (text) => {
    await tuningStore.save("x", "");
    await writeFile(tuningPath(), text);
    expect(await tuningStore.load("a")).toBeUndefined();
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(`${tuningPath()} is not used: `);
    await tuningStore.save("a", "1");
    expect(await tuningStore.load("a")).toBe("1");
    expect(notes).toHaveLength(1);
  },
);

it("skips a table that is not a string, and is silent if there is no file", async () => {
  expect(await tuningStore.load("a")).toBeUndefined();
  await tuningStore.save("b", "2");
  await writeFile(tuningPath(), '{"version":1,"tables":{"a":1,"b":"2"}}');
  expect([await tuningStore.load("a"), await tuningStore.load("b")]).toEqual([undefined, "2"]);
  expect(notes).toEqual([]);
});

it("survives concurrent writers", async () => {
  await Promise.all(Array.from({ length: 8 }, (_, i) => tuningStore.save(`adapter ${i}`, `${i}`)));
  const { version, tables } = JSON.parse(await readFile(tuningPath(), "utf8"));
  expect(version).toBe(1);
  for (const [key, text] of Object.entries(tables)) expect(key).toBe(`adapter ${text}`);
  expect(notes).toEqual([]);
});

it("tolerates a folder that cannot be created", async () => {
  await writeFile(join(folder, "file"), "");
  vi.stubEnv("YOLOV5_CACHE", join(folder, "file", "cache"));
  await tuningStore.save("a", "1");
  expect(await tuningStore.load("a")).toBeUndefined();
});
