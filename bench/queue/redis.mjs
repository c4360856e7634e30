/** A Redis server of one's own, with its log of commands (AOF) on disk, so that it can be killed and started again. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

export const redisInstalled = () => spawnSync("redis-server", ["--version"]).status === 0;

export const NO_REDIS = "no redis-server; on Debian: apt-get install redis-server";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function answers(port) {
  const socket = createConnection(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write("PING\r\n");
    const [reply] = await once(socket, "data");
    return String(reply).startsWith("+PONG");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** @param fsync when the log is written to disk: `everysec`, Redis' default, or `always`. */
export async function startRedis(folder, fsync = "everysec") {
  const port = await freePort();
  const data = join(folder, "redis");
  mkdirSync(data, { recursive: true });
  const flags = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", data, "--save", "", "--appendonly", "yes"];
  let child;
  const start = async () => {
    child = spawn("redis-server", [...flags, "--appendfsync", fsync], { stdio: "ignore" });
    while (!(await answers(port))) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with code ${child.exitCode}`);
      await setTimeout(50);
    }
  };
  await start();
  process.on("exit", () => child.kill("SIGKILL"));
  const kill = async (signal) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: () => child.pid,
    /** As after a crash. */
    restart: async () => {
      await kill("SIGKILL");
      await start();
    },
    stop: () => kill("SIGTERM"),
  };
}
