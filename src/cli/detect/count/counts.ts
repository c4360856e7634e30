/** The counts of lines and zones: added up over videos, as text, and as CSV. */

import type { LineCounts } from "../../../solutions/counting/lineCounter.js";
import type { ClassCounts } from "../../../solutions/counting/tracked.js";
import { dwellOf, type ZoneCounts } from "../../../solutions/counting/zone.js";
import { csvLines } from "../../../yolov5/output/text/csv.js";

export interface Counts {
  readonly lines: readonly LineCounts[];
  readonly zones: readonly ZoneCounts[];
}

function sum(a: ClassCounts, b: ClassCounts): ClassCounts {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(names.map((name) => [name, countOf(a, name) + countOf(b, name)]));
}

const countOf = (counts: ClassCounts, name: string): number => (Object.hasOwn(counts, name) ? counts[name] : 0);

const totalOf = (counts: ClassCounts): number => Object.values(counts).reduce((a, b) => a + b, 0);

/** Counts of two videos together; occupancy is that of the later one. */
export function addCounts(before: Counts | undefined, now: Counts | undefined): Counts | undefined {
  if (!before || !now) return now ?? before;
  return {
    lines: now.lines.map((line, i) => {
      const { in: inwards, out } = before.lines[i];
      return { ...line, in: sum(inwards, line.in), out: sum(out, line.out) };
    }),
    zones: now.zones.map((zone, i) => addZones(before.zones[i], zone)),
  };
}

function addZones(before: ZoneCounts, now: ZoneCounts): ZoneCounts {
  const entries = sum(before.entries, now.entries);
  const total = (before.dwell?.total ?? 0) + (now.dwell?.total ?? 0);
  const longest = Math.max(before.dwell?.longest ?? 0, now.dwell?.longest ?? 0);
  const stays = totalOf(entries);
  return {
    ...now,
    most: Math.max(before.most, now.most),
    entries,
    exits: sum(before.exits, now.exits),
    ...(stays === 0 ? {} : { dwell: dwellOf(total, stays, longest) }),
  };
}

/** `2 person, 1 car`, or `0`. */
function byClass(counts: ClassCounts): string {
  const entries = Object.entries(counts);
  return entries.length === 0 ? "0" : entries.map(([name, count]) => `${count} ${name}`).join(", ");
}

/** A line or zone without a name is called `zone` or `zone 2`. */
const titled = (kind: string, name: string): string =>
  name === kind || name.startsWith(`${kind} `) ? name : `${kind} ${name}`;

/** `line door: in 6 person, out 0`. */
export function lineOfCounts({ lines, zones }: Counts): string[] {
  return [
    ...lines.map((line) => `${titled("line", line.name)}: in ${byClass(line.in)}; out ${byClass(line.out)}`),
    ...zones.map(({ name, entries, exits, occupancy, most, dwell }) => {
      const stay = dwell ? `; ${dwell.mean.toFixed(1)} s on average, ${dwell.longest.toFixed(1)} s at most` : "";
      return `${titled("zone", name)}: entered ${byClass(entries)}; left ${byClass(exits)}; inside ${byClass(occupancy)}, at most ${most}${stay}`;
    }),
  ];
}

const COLUMNS = ["source", "kind", "name", "class", "in", "out", "inside", "most", "mean_dwell", "longest_dwell"];

/** A row for each line or zone and class; `in` and `out` of a zone are its entries and exits. */
export function countsCsv(entries: readonly { readonly source: string; readonly counts: Counts }[]): string {
  const rows = entries.flatMap(({ source, counts: { lines, zones } }) => [
    ...lines.flatMap((line) =>
      classesOf(line.in, line.out).map((name) => [
        ...[source, "line", line.name, name, countOf(line.in, name), countOf(line.out, name)],
        ...[undefined, undefined, undefined, undefined],
      ]),
    ),
    ...zones.flatMap(({ name: zone, entries: inwards, exits, occupancy, most, dwell }) =>
      classesOf(inwards, exits).map((name) => [
        ...[source, "zone", zone, name, countOf(inwards, name), countOf(exits, name), countOf(occupancy, name)],
        ...[most, dwell?.mean, dwell?.longest],
      ]),
    ),
  ]);
  return csvLines([COLUMNS, ...rows]);
}

/** At least one, so that a line that nobody crossed has a row. */
function classesOf(...counts: readonly ClassCounts[]): string[] {
  const names = [...new Set(counts.flatMap((each) => Object.keys(each)))];
  return names.length === 0 ? [""] : names;
}
