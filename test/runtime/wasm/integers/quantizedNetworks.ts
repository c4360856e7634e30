/** Whole networks in int8, calibrated on noise: which, at which size, and what a backend gives for them. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { calibrate, planQuantization, quantizeModule } from "../../../../src/compress/quantize/index.js";
import type { Backend } from "../../../../src/runtime/backend.js";
import { type HostTensor, seededRandom, tensor } from "../../../../src/tensor/index.js";
import { exportSafetensors } from "../../../../src/yolov5/checkpoint/exportSafetensors.js";
import { createMember, openModel } from "../../../../src/yolov5/loadModel.js";
import { FULL } from "../../../support/full.js";
import { REPOSITORY, referencePath } from "../../../support/reference.js";

export interface NetworkFile {
  readonly name: string;
  readonly path: string;
}

const TRAINED = ["crops", "dna", "pothole", "yolov5n", "yolov5n-7", "food", "ppe", "leaky", "poses-cls"] as const;
const ZOO = ["bifpn", "csp", "focus-spp", "fpn", "ghost", "leaky", "p2", "p6", "seg", "cls", "transformer", "v3-tiny"];
const ANCHOR_FREE = ["v8", "v8-seg", "11", "26"] as const;

/** The small network of the repository; with `YOLOV5_FULL=1` trained checkpoints and the zoo too. */
export function networkFiles(): NetworkFile[] {
  const own = { name: "codes", path: join(REPOSITORY, "models", "codes.safetensors") };
  if (!FULL) return [own];
  const paths = [
    ...TRAINED.map((name) => [`${name}.pt`]),
    ...ZOO.map((name) => ["zoo", `${name}.pt`]),
    ...ANCHOR_FREE.map((name) => ["anchor-free", `${name}.pt`]),
  ];
  const found = paths.flatMap((parts) => {
    const path = referencePath("weights", ...parts);
    return path ? [{ name: parts.join("/").replace(/\.pt$/, ""), path }] : [];
  });
  return [own, ...found];
}

export function noise(side: number, seed: number): HostTensor {
  const random = seededRandom(seed);
  return tensor("float32", [1, 3, side, side], Float32Array.from({ length: 3 * side * side }, random));
}

/** The bytes of an int8 file. */
export async function quantizedFile({ path }: NetworkFile, backend: Backend, side: number): Promise<Uint8Array> {
  const original = openModel(readFileSync(path), { path });
  const { network, info } = createMember(original, backend, { path });
  const plan = planQuantization(network.module, network.build([1, 3, side, side]).graph, { head: true });
  const calibration = await calibrate(backend, plan, [noise(side, 1), noise(side, 2)], { method: "minmax" });
  const module = quantizeModule(network.module, plan, calibration);
  return exportSafetensors({ module, checkpoint: original.checkpoint }, info);
}

/** The network's outputs for a picture of noise. */
export async function outputsOf(bytes: Uint8Array, backend: Backend, side: number): Promise<HostTensor[]> {
  const path = "int8";
  const { network } = createMember(openModel(bytes, { path }), backend, { path, dtype: "int8" });
  const outputs = await network.forward(noise(side, 3));
  network.dispose();
  return [...outputs];
}
