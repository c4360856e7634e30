/** GPU work per frame: dispatches, submits, and objects created, of which there should be none after the warm-up. */

import type { DeviceCounters } from "../../runtime/backend.js";
import { megabytes } from "../table.js";

/** Means over the timed runs. */
export type FrameWork = DeviceCounters;

export function frameWork(before: DeviceCounters, after: DeviceCounters, frames: number): FrameWork {
  const mean = (key: keyof DeviceCounters): number => (after[key] - before[key]) / frames;
  return {
    dispatches: mean("dispatches"),
    submits: mean("submits"),
    bytesRead: mean("bytesRead"),
    buffersCreated: mean("buffersCreated"),
    pipelinesCreated: mean("pipelinesCreated"),
    bindGroupsCreated: mean("bindGroupsCreated"),
  };
}

/** `73 dispatches, 1 submit, 8.6 MB read back, nothing created`. */
export function frameWorkLine(work: FrameWork): string {
  const created = [
    [work.buffersCreated, "buffers"],
    [work.pipelinesCreated, "pipelines"],
    [work.bindGroupsCreated, "bind groups"],
  ] as const;
  const some = created.filter(([count]) => count > 0).map(([count, what]) => `${rounded(count)} ${what}`);
  return [
    `${rounded(work.dispatches)} dispatches`,
    `${rounded(work.submits)} submit${work.submits === 1 ? "" : "s"}`,
    `${megabytes(work.bytesRead)} read back`,
    some.length > 0 ? `${some.join(", ")} created` : "nothing created",
  ].join(", ");
}

/** Prints whole numbers without decimals. */
export const rounded = (count: number): string => (Number.isInteger(count) ? String(count) : count.toFixed(2));
