/** Long work of pruning lets timers and signals in between, and ends when it is told to. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { Breather } from "../../src/breathe.js";
import { channelMoments } from "../../src/compress/calibration/moments.js";
import { inverse, regressChannels } from "../../src/compress/calibration/regression.js";
import { ChannelPruner } from "../../src/compress/index.js";
import { createCpuBackend } from "../../src/runtime/cpu/cpuBackend.js";
import { seededRandom, tensor } from "../../src/tensor/index.js";
import { codes, noise } from "./support.js";

afterEach(() => vi.restoreAllMocks());

/** Every look at the clock sees a second more, so that whoever looks rests at once, however fast the machine. */
function slowClock(): void {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 1000));
}

/** Aborted by a timer: only work that lets timers in hears of it. */
function abortSoon(): AbortSignal {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 0);
  return abort.signal;
}

describe("work that is told to stop", () => {
  const map = tensor("float32", [1, 32, 8, 8]);
  const random = seededRandom(3);
  for (let i = 0; i < map.data.length; i++) map.data[i] = random();
  const matrix = Float64Array.from({ length: 32 * 32 }, (_, i) => (i % 33 === 0 ? 2 : 0.01));
  const kept = Array.from({ length: 32 }, (_, i) => i);

  test.each([
    ["regression", (breather: Breather) => regressChannels([map], [map], kept, breather)],
    ["inverse", (breather: Breather) => inverse(matrix, 32, breather)],
    ["moments", (breather: Breather) => channelMoments([map, map, map, map], breather)],
  ])("%s", async (_, work) => {
    slowClock();
    await expect(work(new Breather(abortSoon()))).rejects.toThrow(/abort/i);
  });

  test("and is the same where it is not", async () => {
    const plain = await regressChannels([map], [map], kept);
    slowClock();
    expect(await regressChannels([map], [map], kept, new Breather())).toEqual(plain);
  });

  test("the search for a share of the operations", async () => {
    const { module } = codes();
    const abort = new AbortController();
    const options = { criterion: "l2", scope: "global", signal: abort.signal } as const;
    const pruner = await ChannelPruner.prepare(module, [noise(64, 64)], createCpuBackend(), options);
    expect(await pruner.findCountsForFlops(0.8)).toEqual(pruner.countsForFlops(0.8));
    slowClock();
    setTimeout(() => abort.abort(), 0);
    await expect(pruner.findCountsForFlops(0.8)).rejects.toThrow(/abort/i);
  });
});
