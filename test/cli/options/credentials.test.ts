/** Addresses where a file or a number should stand: whatever the message says, it does not show the password. */

import { expect, test } from "vitest";
import { cli, EXAMPLE, scratchFolder } from "../support.js";

const ADDRESS = "http://me:hidden@127.0.0.1:1/x";
const SMALL = ["--backend", "cpu", "--imgsz", "64"] as const;
const TINY = [...SMALL, "--nosave"] as const;
const folder = await scratchFolder();

test.each<readonly string[]>([
  ["val", "--data", `${ADDRESS}.yaml`],
  ["val", "--data", `${ADDRESS}.json`, "--images", ADDRESS],
  ["compress", "--weights", "codes", "--data", ADDRESS],
  ["compress", "--weights", "codes", "--data", ADDRESS, "--compare", `${ADDRESS}.pt`],
  ["merge", `${ADDRESS}.json`, "--output", "y.json"],
  ["merge", "package.json", "--output", `${ADDRESS}/`],
  ["info", "--cfg", `${ADDRESS}.yaml`],
  ["info", "--imgsz", ADDRESS],
  ["info", "--threads", ADDRESS],
  ["info", `--${ADDRESS}`],
  ["verify", "--weights", "codes", "--reference", ADDRESS],
  ["export", "--include", ADDRESS],
  ["detect", "--conf-thres", ADDRESS],
  ["detect", "--line", ADDRESS],
  ["detect", "--backend", ADDRESS],
  ["detect", "--device", ADDRESS],
  ["detect", "--shard", ADDRESS],
  ["detect", "--source", EXAMPLE, ...SMALL, "--project", folder, "--font", `${ADDRESS}.ttf`],
  ["detect", "--source", EXAMPLE, ...TINY, "--data", `${ADDRESS}.yaml`],
  ["detect", "--source", EXAMPLE, ...TINY, "--json", `${ADDRESS}/`],
  ["serve", "--host", ADDRESS],
  ["serve", "--weights", `m=${ADDRESS}.pt`, "--data", `${ADDRESS}.yaml`],
  ["work", "--queue", "me:hidden@127.0.0.1"],
  ["work", "--queue", ADDRESS],
  ["enqueue", "--queue", "redis://me:hidden@127.0.0.1:1", "--source", `${ADDRESS}.txt`],
  [ADDRESS],
])("%s %s %s %s", async (...argv) => {
  const { code, stdout, stderr } = await cli(argv);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/^error: /m);
  expect(stdout + stderr).not.toContain("hidden");
});
