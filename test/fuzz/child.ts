/**
 * Run as a process of its own: `child.mjs SEED FIRST END KINDS`. Runs cases one after another and writes a line of JSON when it begins
 * one and when it is done, so that whoever started it knows which one ended it.
 */

import { writeSync } from "node:fs";
import { openBackend } from "../../src/node/backends.js";
import type { Backend } from "../../src/runtime/backend.js";
import { slowness } from "../support/limits.js";
import { kindOf, runCase } from "./cases.js";
import { caseSeed, Draw } from "./draw.js";
import type { BackendName } from "./networks/agree.js";

/** What a child says. */
export type Line =
  | { readonly begin: number; readonly kind: string }
  | {
      readonly done: number;
      readonly outcome: "used" | "refused" | "fault";
      readonly fault?: string;
      /** Of processor time, as on the machine that the bound was set on. */
      readonly seconds: number;
      /** The most that the process has had so far. */
      readonly mib: number;
    };

const [seed, first, end] = process.argv.slice(2).map(Number);
/** A regular expression: cases of other kinds are passed over. */
const kinds = new RegExp(process.argv[5] ?? "");
const say = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const backends = new Map<BackendName, Promise<Backend | undefined>>();

/** Opened once; WebGPU is left out where there is none, unless it is required. */
function open(name: BackendName): Promise<Backend | undefined> {
  let backend = backends.get(name);
  if (!backend) {
    backend = openBackend(name, name === "wasm" ? { threads: 2 } : {});
    if (name === "webgpu" && process.env.REQUIRE_WEBGPU !== "1") {
      backend = backend.catch((error) => {
        console.error(`skipped on webgpu: ${error}`);
        return undefined;
      });
    }
    backends.set(name, backend);
  }
  return backend;
}

for (let index = first; index < end; index++) {
  const draw = new Draw(caseSeed(seed, index));
  const kind = kindOf(draw);
  if (!kinds.test(kind)) continue;
  say({ begin: index, kind });
  const before = process.cpuUsage();
  let outcome: "used" | "refused" | "fault";
  let fault: string | undefined;
  try {
    outcome = await runCase(kind, draw, open);
  } catch (error) {
    outcome = "fault";
    fault = error instanceof Error ? (error.stack ?? String(error)).slice(0, 2000) : String(error).slice(0, 2000);
  }
  const { user, system } = process.cpuUsage(before);
  let seconds = (user + system) / 1e6;
  // Only where it matters, since measuring takes its time too.
  if (seconds > 2) seconds /= slowness();
  const mib = process.resourceUsage().maxRSS / 1024;
  say({ done: index, outcome, seconds, mib, ...(fault === undefined ? {} : { fault }) });
}
// Threads and devices of backends that are still open.
process.exit(0);
