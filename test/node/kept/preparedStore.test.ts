/** What is kept of a prepared model: the same numbers as without, whatever happened to the files. */

import { existsSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keptFolder } from "../../../src/node/kept/keptFiles.js";
import { filePreparedStore, type ReadAside } from "../../../src/node/kept/preparedStore.js";
import { spawnReaders } from "../../../src/node/wasm.js";
import { createWasmBackend, type PreparedStore } from "../../../src/runtime/wasm/index.js";
import { tensor } from "../../../src/tensor/index.js";
import { createMember, type OpenedModel, randomModel } from "../../../src/yolov5/loadModel.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov5-kept-"));
  vi.stubEnv("YOLOV5_CACHE", join(folder, "cache"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const INPUT = tensor(
  "float32",
  [1, 3, 64, 64],
  Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => ((i * 7) % 255) / 255),
);

interface Run {
  readonly bits: string;
  /** What the store said of weights and of modules, and of weights alone. */
  readonly found: readonly boolean[];
  readonly weights: boolean;
}

/** A start of a model: what it gives, and what it found. */
async function start(
  opened: OpenedModel = randomModel("yolov5n"),
  { threads = 1, build = "test" }: { threads?: number; build?: string } = {},
): Promise<Run> {
  const readers = spawnReaders();
  const store = filePreparedStore("weights", readers.aside, build) as PreparedStore;
  const found: boolean[] = [];
  let weights = false;
  const watched: PreparedStore = {
    ...store,
    readWeights(...given) {
      const reading = store.readWeights(...given);
      if (!reading) found.push(false);
      return reading?.then((whole) => {
        weights = whole;
        found.push(whole);
        return whole;
      });
    },
    readKernels(...given) {
      const there = store.readKernels(...given);
      found.push(there !== undefined);
      return there;
    },
  };
  const backend = await createWasmBackend({ threads, spawn: readers.spawn, store: watched });
  const { network } = createMember(opened, backend, { path: "random" });
  try {
    const [output] = await network.forward(INPUT);
    return { bits: Buffer.from((output.data as Float32Array).slice().buffer).toString("base64"), found, weights };
  } finally {
    network.dispose();
    backend.dispose();
  }
}

/** A name as files have them. */
const digest = (n: number): string => n.toString(16).padStart(64, "0");

/** The largest file: weights. */
async function weightsFile(): Promise<string> {
  const names = await readdir(keptFolder());
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(keptFolder(), name))).size));
  return join(keptFolder(), names[sizes.indexOf(Math.max(...sizes))]);
}

describe("a prepared model", () => {
  it.each([1, 2])("starts from its files with the same bits on %i threads", async (threads) => {
    const first = await start(undefined, { threads });
    expect(first.found).not.toContain(true);
    const before = await readdir(keptFolder());
    const second = await start(undefined, { threads });
    expect(second.found).not.toContain(false);
    expect(second.found.length).toBeGreaterThan(1);
    expect(second.bits).toBe(first.bits);
    expect(await readdir(keptFolder())).toEqual(before);
  });

  it("computes no weight that is kept", async () => {
    await start();
    const opened = randomModel("yolov5n");
    let folded = 0;
    const sqrt = Math.sqrt;
    vi.spyOn(Math, "sqrt").mockImplementation((value) => {
      folded++;
      return sqrt(value);
    });
    try {
      await start(opened);
    } finally {
      vi.restoreAllMocks();
    }
    expect(folded).toBe(0);
  });

  it("finds nothing of another model, build or number format", async () => {
    const first = await start();
    const other = await start(randomModel("yolov5n", 1));
    expect(other.weights).toBe(false);
    expect(other.bits).not.toBe(first.bits);
    const changed = randomModel("yolov5n");
    const stem = changed.module.children.get("model")?.children.get("0")?.children.get("bn");
    (stem?.buffers.get("running_var")?.data as Float32Array)[0] *= 2;
    expect((await start(changed)).weights).toBe(false);
    const rebuilt = await start(undefined, { build: "another" });
    expect(rebuilt.found).not.toContain(true);
    expect(rebuilt.bits).toBe(first.bits);
  });

  it.each([
    ["a byte is another", (path: string) => flip(path, 1_000_000)],
    ["its end is another", async (path: string) => flip(path, (await stat(path)).size - 1)],
    ["it is cut off", async (path: string) => truncate(path, (await stat(path)).size - 4096)],
    ["it is empty", (path: string) => truncate(path, 0)],
    ["it is longer", (path: string) => truncate(path, 30_000_000)],
    [
      "it is a folder",
      async (path: string) => {
        await rm(path);
        await mkdir(path);
      },
    ],
  ])("packs again if %s", async (_, damage) => {
    const first = await start(undefined, { threads: 2 });
    await damage(await weightsFile());
    for (const threads of [1, 2]) {
      const damaged = await start(undefined, { threads });
      expect(damaged.bits).toBe(first.bits);
      if (threads === 1) expect(damaged.found).toContain(false);
    }
  });

  it("is not mistaken for another one that is read at the same time, and not waited for if the thread has ended", async () => {
    const readers = spawnReaders();
    const handle = readers.spawn({ onMessage: () => {}, onError: () => {} });
    const read = readers.aside() as ReadAside;
    const memory = new SharedArrayBuffer(3 * 4096);
    const asked = ["one", "another", "a third"].map((text, i) => {
      const bytes = Buffer.alloc(4096, text);
      return { path: join(folder, text), bytes, places: [[i * 4096, 4096]] as const };
    });
    for (const { path, bytes } of asked) await writeFile(path, bytes);
    const reads = asked.map(({ path, places }) => read({ path, memory, places }));
    expect(await Promise.all(reads)).toEqual(asked.map(({ bytes }) => crc32(bytes)));
    expect(Buffer.from(memory).equals(Buffer.concat(asked.map(({ bytes }) => bytes)))).toBe(true);
    const [{ path, places }] = asked;
    const missing = read({ path: join(folder, "missing"), memory, places });
    expect(await missing).toBeUndefined();
    handle.terminate();
    expect(await read({ path, memory, places })).toBeUndefined();
    expect(await read({ path, memory, places })).toBeUndefined();
  });

  it("emits kernels again if their file is damaged", async () => {
    const first = await start();
    for (const name of await readdir(keptFolder())) await flip(join(keptFolder(), name), 100);
    const damaged = await start();
    expect(damaged.found).not.toContain(true);
    expect(damaged.bits).toBe(first.bits);
    expect((await start()).found).not.toContain(false);
  });

  it("works where nothing can be written", async () => {
    await writeFile(join(folder, "file"), "");
    const { bits } = await start();
    vi.stubEnv("YOLOV5_CACHE", join(folder, "file", "cache"));
    const run = await start();
    expect(run.found).not.toContain(true);
    expect(run.bits).toBe(bits);
  });
});

describe("the files", () => {
  it.skipIf(process.platform === "win32")("are their owner's alone", async () => {
    await start();
    expect((await stat(keptFolder())).mode & 0o777).toBe(0o700);
    expect((await stat(await weightsFile())).mode & 0o777).toBe(0o600);
  });

  it("do not fill the disk: those that were not used for longest go first, and what was never completed", async () => {
    await mkdir(keptFolder(), { recursive: true });
    const ages: Readonly<Record<string, number>> = {
      [digest(1)]: 30,
      [digest(2)]: 20,
      [digest(3)]: 10,
      ".1-2.part": 2,
      ".3-4.part": 0.5,
      "somebody's": 40,
    };
    for (const [name, hours] of Object.entries(ages)) {
      const path = join(keptFolder(), name);
      const file = await open(path, "w");
      await file.truncate(name.endsWith(".part") ? 1000 : 200_000_000);
      await file.close();
      const then = new Date(Date.now() - hours * 3_600_000);
      await utimes(path, then, then);
    }
    await start();
    const left = Object.keys(ages).filter((name) => existsSync(join(keptFolder(), name)));
    expect(left).toEqual([digest(2), digest(3), ".3-4.part", "somebody's"]);
  });

  it("are not more than a few hundred", async () => {
    await mkdir(keptFolder(), { recursive: true });
    const names = Array.from({ length: 300 }, (_, i) => digest(i));
    for (const [i, name] of names.entries()) {
      const path = join(keptFolder(), name);
      await writeFile(path, "");
      const then = new Date(Date.now() - (300 - i) * 60_000);
      await utimes(path, then, then);
    }
    // What can neither be looked at nor removed is passed over.
    await symlink("/nowhere", join(keptFolder(), digest(1000)));
    await rm(join(keptFolder(), names[0]));
    await mkdir(join(keptFolder(), names[0], "full"), { recursive: true });
    await utimes(join(keptFolder(), names[0]), 0, 0);
    await start();
    const left = (await readdir(keptFolder())).filter((name) => ![names[0], digest(1000)].includes(name));
    expect(left.length).toBe(256 - 1);
    expect(left).toEqual(expect.arrayContaining(names.slice(-240)));
  });

  it("are not made from source, nor if the user wants none", () => {
    expect(filePreparedStore("weights")).toBeUndefined();
    vi.stubEnv("YOLOV5_DISABLE_PREPARED_CACHE", "1");
    expect(filePreparedStore("weights", undefined, "test")).toBeUndefined();
  });
});

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[Math.min(at, bytes.length - 1)] ^= 1;
  await writeFile(path, bytes);
}
