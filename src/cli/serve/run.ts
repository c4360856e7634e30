/** `yolov5 serve`: starts the server, waits for a signal, closes without losing a request. */

import { createServer } from "../../node/serve/createServer.js";
import { parseModelWord } from "../../node/serve/models/modelSpecs.js";
import type { RunningModel } from "../../node/serve/runningServer.js";
import { EXIT, UsageError } from "../errors.js";
import { readModelConfig, readNames } from "../options/yamlFile.js";
import type { Output } from "../output.js";
import type { ServeFlags } from "./flags.js";

const MEBIBYTE = 2 ** 20;
const milliseconds = (seconds: number): number => Math.max(seconds > 0 ? 1 : 0, Math.round(seconds * 1000));

export async function runServe(flags: ServeFlags, output: Output): Promise<number> {
  const { io } = output;
  const models = flags.weights?.map(parseModelWord);
  const apiKey = flags.apiKey ?? io.env.YOLOV5_API_KEY;
  if (apiKey === "") throw new UsageError("the API key is empty; give one, or unset YOLOV5_API_KEY");
  const names = flags.data === undefined ? undefined : await readNames(flags.data);
  // Standard output contains only the log.
  const say = (text: string): void => output.note(text);
  const { backend, threads, half, host, port, grpcPort, workers, maxBatch, maxDelay, maxQueue } = flags;
  const server = await createServer({
    ...{ models, apiKey, backend, threads, half, host, port, grpcPort, workers, maxBatch, maxDelay, maxQueue },
    config: await readModelConfig(flags.cfg),
    names: names as readonly string[] | undefined,
    timeout: milliseconds(flags.timeout),
    readTimeout: milliseconds(flags.readTimeout),
    maxBody: Math.ceil(flags.maxBody * MEBIBYTE),
    maxPixels: flags.maxPixels,
    maxImgsz: flags.maxImgsz,
    drainDelay: milliseconds(flags.drainDelay),
    drainTimeout: milliseconds(flags.drainTimeout),
    logLevel: flags.quiet && flags.logLevel === "info" ? "warn" : flags.logLevel,
    log: io.stdout,
    onNote: (note) => say(`note: ${note}`),
    signal: io.signal,
  });
  for (const model of server.models) say(describe(model));
  say(`Serving ${server.url}${server.grpcAddress === undefined ? "" : `, gRPC ${server.grpcAddress}`}`);
  if (apiKey === undefined && !isLoopback(host)) {
    output.warn(`anyone who can reach ${host} can use this server; set YOLOV5_API_KEY to require a key`);
  }
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    else io.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  say("Closing: accepted requests will still be answered; interrupt again to stop at once");
  await server.close();
  return EXIT.done;
}

function describe({ name, version, path, task, device, workers, maxBatch }: RunningModel): string {
  const where = workers === 0 ? "" : `, in ${workers} worker${workers === 1 ? "" : "s"}`;
  const batch = maxBatch === 1 ? "" : `, batches of up to ${maxBatch}`;
  return `Model:   ${name}, version ${version}: ${path}, ${task}, ${device.name} (${device.adapter}), ${device.dtype}${where}${batch}`;
}

const isLoopback = (host: string): boolean => /^(?:localhost|127\..*|::1)$/.test(host);
