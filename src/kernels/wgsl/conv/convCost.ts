/**
 * Estimates how long a kernel takes for a convolution on a GPU, for the choice before anything was measured there. A roofline
 * with three more terms: workgroups come in waves, few of them cannot hide how long a load takes, and a tile that sticks out
 * of the output is computed whole.
 *
 *   resident = workgroups that a unit holds at once: as many as its registers, workgroup memory and invocations allow
 *   busy     = cycles that one round of the loop over K keeps a unit busy: multiplying, reading workgroup memory, reading caches and
 *              reading memory, overlapped
 *   wave(r)  = steps × max(r × busy, busy + latency): r workgroups on a unit take turns while the others wait for their loads
 *   cycles   = the waves that the workgroups of the fullest unit make, the last of them with what is left
 *   time     = cycles ÷ clock and bytes ÷ bandwidth, overlapped, the bytes each counted once
 *
 * What overlaps takes as long as the longest part, and a tenth of the others.
 * The device's figures are those of a mid-range card, because WebGPU does not report them; only the ranking matters. The estimates have not been compared with measurements on a GPU; `--tune` measures.
 */

import { storedBytes } from "../stored.js";
import type { ConvProblem, ConvWork } from "./convProblem.js";

/** The assumed GPU. */
export interface DeviceGuess {
  /** Units that workgroups are spread over: multiprocessors, compute units, cores. */
  readonly units: number;
  /** Cycles a microsecond. */
  readonly clock: number;
  /** Of a unit: float32 multiply-adds a cycle. */
  readonly lanes: number;
  readonly subgroup: number;
  readonly residentInvocations: number;
  readonly residentWorkgroups: number;
  readonly registers: number;
  readonly sharedBytes: number;
  /** Bytes that a unit gets from the cache that all share, and from its own, a cycle. */
  readonly loadBytes: number;
  readonly cachedBytes: number;
  /** Cycles from a load to its value, and for the barriers of a round. */
  readonly latency: number;
  readonly barrierCycles: number;
  /** Of the whole device's memory, bytes a microsecond. */
  readonly bandwidth: number;
}

export const MIDDLING_GPU: DeviceGuess = {
  units: 40,
  clock: 1500,
  lanes: 128,
  subgroup: 32,
  residentInvocations: 1536,
  residentWorkgroups: 16,
  registers: 65536,
  sharedBytes: 65536,
  loadBytes: 32,
  cachedBytes: 128,
  latency: 400,
  barrierCycles: 60,
  bandwidth: 400_000,
};

function overlapped(...parts: readonly number[]): number {
  return 0.9 * Math.max(...parts) + 0.1 * parts.reduce((sum, part) => sum + part, 0);
}

/** Cycles that one round of one workgroup keeps a unit busy. */
function busyCycles(work: ConvWork, pixelBytes: number, guess: DeviceGuess): number {
  const { subgroup, lanes, loadBytes, cachedBytes } = guess;
  // A part of a subgroup takes as long as a whole one.
  const subgroups = Math.ceil(work.invocations / subgroup);
  // Whole numbers go at half the rate.
  const multiply = ((work.fmas + 2 * work.integers) * subgroup) / lanes;
  const shared = (work.sharedLoads * subgroup * 16) / cachedBytes + work.broadcasts;
  const cached = work.cachedLoads + (work.loads * Math.min(work.invocations, subgroup) * pixelBytes) / cachedBytes;
  const memory = (work.loads * work.invocations * pixelBytes) / loadBytes;
  return overlapped(subgroups * multiply, subgroups * shared, subgroups * cached, memory);
}

/** Workgroups that a unit holds at once. */
function residentWorkgroups(work: ConvWork, guess: DeviceGuess): number {
  const invocations = Math.ceil(work.invocations / guess.subgroup) * guess.subgroup;
  const most = Math.min(
    guess.residentWorkgroups,
    guess.residentInvocations / invocations,
    guess.registers / (invocations * work.registers),
    guess.sharedBytes / Math.max(1, work.sharedBytes),
  );
  return Math.max(1, Math.floor(most));
}

/** Microseconds that a kernel takes, without what every dispatch costs. */
export function estimate(work: ConvWork, problem: ConvProblem, guess: DeviceGuess = MIDDLING_GPU): number {
  const { input, output, outChannels, inChannels, groups, kernel, byteWeights } = problem;
  const busy = busyCycles(work, output.pixelBytes, guess);
  const latency = guess.latency + (work.barriers ? guess.barrierCycles : 0);
  const wave = (resident: number): number => work.steps * Math.max(resident * busy, busy + latency);
  const resident = residentWorkgroups(work, guess);
  const onFullest = Math.ceil(work.workgroups / guess.units);
  const rest = onFullest % resident;
  const cycles = Math.floor(onFullest / resident) * wave(resident) + (rest > 0 ? wave(rest) : 0);
  const weightBytes =
    ((outChannels * inChannels) / groups) * kernel[0] * kernel[1] * (byteWeights ? 1 : output.pixelBytes / 4);
  const bytes = storedBytes(input) + storedBytes(output) + weightBytes;
  return overlapped(cycles / guess.clock, bytes / guess.bandwidth);
}
