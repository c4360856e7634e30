/** The small files that once broke a promise, each through the command line, within 5 s of processor time and 1 GB. */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EXAMPLE, scratchFolder } from "../cli/support.js";
import { referencePath } from "../support/reference.js";
import { expectOneSentence, limited, notBuilt } from "./limited.js";

const root = referencePath("cases", "hostile");
const folder = await scratchFolder();
const names = root ? readdirSync(root).filter((name) => name !== "scripts") : [];
const fileOf = (name: string): string => {
  const [file] = readdirSync(join(root ?? "", name)).filter((entry) => entry.startsWith("case."));
  return join(root ?? "", name, file);
};

/** Those that are sound beside what is odd in them. */
const OPENS = new Set(["ck-device-join", "nd-50k", "nd-ansi", "nd-newline", "nd-redos-dots", "nm-date-list"]);

describe.skipIf(notBuilt || !root)("hostile files", { timeout: 600_000 }, () => {
  test.each(names.filter((name) => !name.startsWith("im-")))("info --weights %s", async (name) => {
    const ended = await limited(["info", "--weights", fileOf(name), "--backend", "wasm"], folder);
    if (ended.code !== 0) expectOneSentence(ended, fileOf(name));
    if (OPENS.has(name)) expect(ended.code).toBe(0);
    expect(ended.stdout.length).toBeLessThan(100_000);
  });

  // Those that get as far as a network.
  const models = names.filter((name) => /^(dt|gr|nd|nm)-/.test(name));
  test.each(models)("detect --weights %s --save-crop", async (name) => {
    const argv = ["detect", "--weights", fileOf(name), "--source", EXAMPLE, "--backend", "wasm", "--imgsz", "64"];
    const ended = await limited(
      [...argv, "--conf-thres", "0.01", "--max-det", "3", "--save-crop", "--save-txt", "--json", "out.json"],
      folder,
    );
    if (ended.code !== 0) expectOneSentence(ended, fileOf(name));
    expect(ended.stdout.length).toBeLessThan(100_000);
    // Nothing in a name begins a line, or drives the terminal.
    expect(ended.stdout + ended.stderr).not.toMatch(/^error: forged|[^\P{Cc}\n]|\u202e/mu);
  });

  test.each(names.filter((name) => name.startsWith("im-")))("detect --source %s", async (name) => {
    const argv = ["detect", "--source", fileOf(name), "--backend", "wasm", "--imgsz", "64", "--nosave"];
    const ended = await limited(argv, folder);
    if (ended.code !== 0) expectOneSentence(ended, fileOf(name));
  });
});
