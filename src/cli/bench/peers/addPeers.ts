/** `--peers`: adds every chosen peer for every measured model. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportOnnx } from "../../../onnx/index.js";
import { throwIfInterrupted } from "../../interrupt.js";
import type { Output } from "../../output.js";
import type { BenchEngine, OwnEngine } from "../engine.js";
import { choosePeers, peerName, peersFolder } from "./catalogue.js";
import { openPeer, type RefusedPeer } from "./openPeer.js";

export interface AddPeersOptions {
  /** Names, or empty for all comparable peers. */
  readonly wanted: readonly string[];
  readonly threads: number;
}

/**
 * Opens the peers and adds them to `engines`, which the caller disposes.
 * @returns the peers that are not measured because they could not be opened or their outputs differ from ours.
 */
export async function addPeers(
  own: readonly OwnEngine[],
  engines: BenchEngine[],
  options: AddPeersOptions,
  output: Output,
): Promise<RefusedPeer[]> {
  const gpu = own.some(({ backend }) => backend === "webgpu");
  const folder = peersFolder();
  const { peers, notes } = choosePeers(options.wanted, gpu, folder);
  for (const note of notes) output.warn(note);
  if (!folder || peers.length === 0) return [];
  const refused: RefusedPeer[] = [];
  const models = await mkdtemp(join(tmpdir(), "yolov5-peers-"));
  try {
    for (const [i, subject] of firstOfEachModel(own).entries()) {
      const model = join(models, `${i}.onnx`);
      await writeFile(model, exportOnnx(subject.subject.graph()));
      for (const peer of peers) {
        throwIfInterrupted(output.io.signal);
        output.line(`opening ${peerName(peer)} with ${subject.model}`);
        const opened = await openPeer(peer, subject, { folder, model, threads: options.threads });
        if (opened.refused) {
          refused.push(opened.refused);
          report(opened.refused, output);
        } else engines.push(opened.engine);
      }
    }
  } finally {
    await rm(models, { recursive: true, force: true });
  }
  return refused;
}

function report({ engine, model, reason, wrong }: RefusedPeer, output: Output): void {
  if (wrong) output.fail(`${engine} is not timed with ${model}: ${reason}`);
  else output.warn(`${engine} does not run ${model} here: ${reason}`);
}

/** A model on several backends needs its peers only once; float32 allows the stricter comparison. */
function firstOfEachModel(own: readonly OwnEngine[]): OwnEngine[] {
  const first = new Map<string, OwnEngine>();
  for (const engine of own) {
    const known = first.get(engine.model);
    if (!known || (known.dtype !== "float32" && engine.dtype === "float32")) first.set(engine.model, engine);
  }
  return [...first.values()];
}
