/**
 * Mutated checkpoints and safetensors: each gives a checkpoint or one `EngineError`, soon and without eating memory.
 * Seeded. Default: as many as fit into a few seconds; YOLOV5_FUZZ=200000 runs that many, YOLOV5_FUZZ_SEED changes them.
 */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EngineError } from "../../src/errors.js";
import { seededRandom } from "../../src/tensor/index.js";
import {
  asPlainObject,
  type Checkpoint,
  collectStateDict,
  openCheckpoint,
  writeSafetensors,
} from "../../src/weights/index.js";
import { refuseForeignModel } from "../../src/yolov5/checkpoint/refuse.js";
import { referencePath } from "../support/reference.js";
import { bytes, checkpoint, fixture, moduleOps, tensorOps, text } from "./support.js";

const COUNT = Number(process.env.YOLOV5_FUZZ ?? 0);
const SEED = Number(process.env.YOLOV5_FUZZ_SEED ?? 1);
const DEFAULT_MS = 4000;
/** One file of a few KiB; far above what it takes, far below what a hang or an unchecked allocation would. */
const MAX_MS = 30_000;

function random(seed: number): (below: number) => number {
  const next = seededRandom(seed);
  return (below) => Math.floor(next() * below);
}

const INTERESTING = [
  0, 1, 0x7f, 0x80, 0xff, 0x28, 0x29, 0x2e, 0x52, 0x5d, 0x62, 0x63, 0x65, 0x71, 0x74, 0x75, 0x7d, 0x81,
];

/** A copy with one to six edits: bits, bytes, opcodes, large integers, cuts, repeated and moved pieces. */
function mutate(source: Uint8Array, other: Uint8Array, next: (below: number) => number): Uint8Array {
  let data: Uint8Array = source.slice();
  // Mostly one or two edits: a file with many is refused at the first and tests little else.
  for (let edits = 1 + next(1 + next(6)); edits > 0 && data.length > 0; edits--) {
    const at = next(data.length);
    switch (next(9)) {
      case 0:
        data[at] ^= 1 << next(8);
        break;
      case 1:
        data[at] = next(256);
        break;
      case 2:
        data[at] = INTERESTING[next(INTERESTING.length)];
        break;
      case 3:
        for (let i = 0; i < 4 && at + i < data.length; i++) data[at + i] = i === 3 ? next(256) : 255;
        break;
      case 4:
        data = data.slice(0, at);
        break;
      case 5: {
        const piece = data.slice(at, at + 1 + next(64));
        data = bytes(data.subarray(0, at), ...new Array<Uint8Array>(1 + next(20)).fill(piece), data.subarray(at));
        break;
      }
      case 6:
        data = bytes(data.subarray(0, at), data.subarray(Math.min(data.length, at + 1 + next(32))));
        break;
      case 7: {
        const from = next(other.length);
        data.set(other.subarray(from, Math.min(other.length, from + 1 + next(64), from + data.length - at)), at);
        break;
      }
      default:
        for (let i = 0; i < 1 + next(8) && at + i < data.length; i++) data[at + i] = 0x30 + next(75);
    }
  }
  return data;
}

/** What a caller does next: everything must be safe to walk. */
function use(opened: Checkpoint): void {
  refuseForeignModel(opened);
  const tensors = opened.module ? collectStateDict(opened.module) : opened.stateDict;
  let elements = 0;
  for (const { data, shape } of tensors?.values() ?? []) {
    expect(shape.reduce((a, b) => a * b, 1)).toBe(data.length);
    elements += data.length;
  }
  expect(elements).toBeGreaterThanOrEqual(0);
  for (const value of opened.extra.values()) asPlainObject(value);
}

const pickle = `}(${text("model")}${moduleOps(
  "models.yolo.Model",
  { 0: moduleOps("models.common.Conv", {}, { weight: tensorOps("0", 6, 0, [2, 3], [1, 2]) }) },
  {},
  { names: `](${text("a")}e`, nc: "K\x01", path: `cpathlib\nPosixPath\n(${text("/")}${text("x")}tR` },
)}q\x01${text("ema")}N${text("opt")}h\x01u.`;
const small = checkpoint(pickle, { 0: new Uint8Array(24) });
const safe = writeSafetensors(
  new Map([
    ["a", { dtype: "float32", shape: [2], data: new Float32Array(2) }],
    ["b", { dtype: "float16", shape: [1, 3], data: new Uint16Array(3) }],
  ]),
  new Map([["names", '{"0":"x"}']]),
);
const values = fixture("values-2.pkl").subarray(2);

const seeds: Readonly<Record<string, (next: (below: number) => number) => Uint8Array>> = {
  "pickles within a sound zip": (next) => checkpoint(mutate(bytes(pickle), values, next), { 0: new Uint8Array(24) }),
  "values beside a model": (next) => {
    const body = mutate(values.subarray(0, -1), bytes(pickle), next);
    return checkpoint(bytes(`}(${text("model")}`, moduleOps("a.B"), text("x"), body, "u."));
  },
  zips: (next) => mutate(small, fixture("tensors-deflated.pt"), next),
  "deflated zips": (next) => mutate(fixture("tensors-deflated.pt"), small, next),
  "zip64 archives": (next) => mutate(fixture("tensors-zip64.pt"), small, next),
  "legacy files": (next) => mutate(fixture("legacy.pt"), fixture("tensors-legacy.pt"), next),
  "legacy state dicts": (next) => mutate(fixture("tensors-legacy.pt"), values, next),
  safetensors: (next) => mutate(safe, small, next),
};

/** A real checkpoint with bytes overwritten in place, mostly in its pickle and table of contents. */
const real = referencePath("weights", "zoo", "v3-tiny.pt");
const realBytes = real === undefined ? undefined : new Uint8Array(readFileSync(real));
const allSeeds: typeof seeds = realBytes
  ? {
      ...seeds,
      "a real checkpoint": (next) => {
        const data = realBytes.slice();
        const places = [0, next(data.length), data.length - 8000];
        for (let edits = 1 + next(4); edits > 0; edits--) {
          const at = Math.min(places[next(3)] + next(8000), data.length - 1);
          data[at] = next(2) ? next(256) : INTERESTING[next(INTERESTING.length)];
        }
        return data;
      },
    }
  : seeds;

describe("mutated files give a checkpoint or one clear error each", () => {
  const names = Object.keys(allSeeds);
  it.each(names)(
    "%s",
    (name) => {
      const next = random(SEED * 1000 + names.indexOf(name));
      const count = COUNT > 0 ? Math.ceil(COUNT / names.length) : Number.POSITIVE_INFINITY;
      const until = COUNT > 0 ? Number.POSITIVE_INFINITY : performance.now() + DEFAULT_MS / names.length;
      let opened = 0;
      let refused = 0;
      let slowest = 0;
      for (let i = 0; i < count && performance.now() < until; i++) {
        const file = allSeeds[name](next);
        const started = performance.now();
        try {
          use(openCheckpoint(file, { path: "fuzz.pt" }));
          opened++;
        } catch (error) {
          if (!(error instanceof EngineError) || error.message.includes("\n")) {
            throw new Error(`input ${i} of seed ${SEED}: ${Buffer.from(file).toString("base64")}`, { cause: error });
          }
          refused++;
        }
        slowest = Math.max(slowest, performance.now() - started);
      }
      if (COUNT > 0) {
        const heap = Math.round(process.memoryUsage().rss / 2 ** 20);
        console.log(`${name}: ${opened} opened, ${refused} refused, slowest ${slowest.toFixed(0)} ms, RSS ${heap} MiB`);
      }
      // Both outcomes occur, else the mutations test nothing.
      expect(refused).toBeGreaterThan(0);
      expect(opened).toBeGreaterThan(0);
      expect(slowest).toBeLessThan(MAX_MS);
    },
    COUNT > 0 ? 3_600_000 : 600_000,
  );
});
