/** Runs of the built command that write files: what they print, their JSON, and every file. */

import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../support/reference.js";
import type { Outcome } from "./support.js";

export const CLI = join(REPOSITORY, "dist", "cli.js");
export const built = existsSync(CLI);
if (!built) console.warn("skipped: no dist/cli.js; run npm run build first");

export interface BuiltRun<Json> extends Outcome {
  readonly json: Json | undefined;
  /** Content of every file written, base64, by its path in the run's folder. */
  readonly files: ReadonlyMap<string, string>;
}

export interface BuiltOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Sees standard output as it comes, all of it so far. */
  readonly onText?: (text: string, interrupt: () => void) => void;
}

export function start(
  folder: string,
  argv: readonly string[],
  { env = {}, onText = () => undefined }: BuiltOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...argv], { cwd: folder, env: { ...process.env, DEBUG: "", ...env } });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
      onText(stdout, () => child.kill("SIGINT"));
    });
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

let runs = 0;

/** Runs a command in a folder, with a project and a JSON file of its own. */
export async function run<Json>(
  folder: string,
  argv: readonly string[],
  options: BuiltOptions = {},
): Promise<BuiltRun<Json>> {
  const project = `run${++runs}`;
  const json = `${project}.json`;
  const outcome = await start(folder, [...argv, "--project", project, "--json", json], options);
  const root = join(folder, project);
  const paths = existsSync(root) ? readdirSync(root, { recursive: true, encoding: "utf8" }) : [];
  const files = paths.filter((path) => statSync(join(root, path)).isFile());
  const content = new Map(files.toSorted().map((path) => [path, readFileSync(join(root, path)).toString("base64")]));
  const text = existsSync(join(folder, json)) ? readFileSync(join(folder, json), "utf8") : undefined;
  return { ...outcome, json: text === undefined ? undefined : (JSON.parse(text) as Json), files: content };
}
