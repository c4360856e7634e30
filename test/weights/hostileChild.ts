/** Run as a process of its own: opens the file that it is given, builds its graph, and says how that went, in JSON. */

import { readFileSync } from "node:fs";
import { EngineError } from "../../src/errors.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { createWasmBackend } from "../../src/runtime/wasm/index.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";

const [, , file, backendName] = process.argv;

async function outcome(): Promise<Record<string, unknown>> {
  try {
    const opened = openModel(new Uint8Array(readFileSync(file)), { path: "case" });
    const backend = backendName === "wasm" ? await createWasmBackend({ threads: 1 }) : createCpuBackend();
    const { network, info } = createMember(opened, backend, { path: "case" });
    const side = info.stride * 2;
    const data = new Float32Array(3 * side * side);
    await network.forward({ dtype: "float32", shape: [1, 3, side, side], data });
    network.dispose();
    backend.dispose();
    return { opened: true, longestName: Math.max(...info.names.map((name) => name.length)), notes: info.notes };
  } catch (error) {
    return { opened: false, engine: error instanceof EngineError, message: String(error) };
  }
}

const result = await outcome();
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ ...result, seconds: (user + system) / 1e6, mib: process.resourceUsage().maxRSS / 1024 }));
