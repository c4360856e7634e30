/**
 * Structured fuzzing: files that lie in one or two places, and random networks on every backend. Each case runs in a child
 * process and ends in a result or one `EngineError`, within 5 s of processor time and 1 GB.
 *
 * `FUZZ_FILES=100000` runs as many (300 by default), `FUZZ_FROM` begins with another than the first, `FUZZ_SEED` draws others,
 * `FUZZ_KINDS` leaves out those whose kind does not match, `FUZZ_CASE` runs one of a seed again.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { REPOSITORY } from "../support/reference.js";
import { bundleChild, type Fault, runCases, tableOf } from "./children.js";

const SEED = Number(process.env.FUZZ_SEED ?? 1);
const FILES = Number(process.env.FUZZ_FILES ?? 300);
const FROM = Number(process.env.FUZZ_FROM ?? 0);
const ONLY = process.env.FUZZ_CASE === undefined ? undefined : Number(process.env.FUZZ_CASE);
const KINDS = process.env.FUZZ_KINDS ?? "";
/** Between lines that say how far a long run is. */
const REPORT_EVERY = 5000;

const folder = mkdtempSync(join(REPOSITORY, "node_modules", ".fuzz-"));
let child: string;
beforeAll(async () => {
  child = await bundleChild(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const replay = ({ index, kind, what }: Fault): string =>
  `${kind}, again with FUZZ_SEED=${SEED} FUZZ_CASE=${index} npx vitest run test/fuzz\n${what}`;

it("lying files and random networks give a result or one error, in bounded time and memory", {
  timeout: 24 * 3_600_000,
}, async () => {
  let [reported, told] = [0, 0];
  const totals = await runCases(
    child,
    { seed: SEED, first: ONLY ?? FROM, count: ONLY === undefined ? FILES : 1, kinds: KINDS },
    (done, sofar) => {
      if (done - reported < REPORT_EVERY) return;
      reported = done;
      for (const fault of sofar.faults.slice(told)) console.log(replay(fault));
      told = sofar.faults.length;
      console.log(`seed ${SEED}, ${done} of ${FILES} cases, ${sofar.faults.length} faults\n${tableOf(sofar)}`);
    },
  );
  console.log(`seed ${SEED}\n${tableOf(totals)}`);
  expect(totals.faults.map(replay).join("\n\n")).toBe("");
  if (ONLY !== undefined || KINDS !== "") return;
  // Both outcomes occur, else the cases test nothing.
  const sum = (outcome: "used" | "refused"): number =>
    [...totals.kinds.values()].reduce((n, count) => n + count[outcome], 0);
  expect(sum("used")).toBeGreaterThan(FILES / 20);
  expect(sum("refused")).toBeGreaterThan(FILES / 20);
});
