/** Compares a convolution kernel with the naive one on one problem, element by element, on the device. */

import {
  type ConvKernel,
  type ConvProblem,
  conv2dNaive,
  type Stored,
  storedBytes,
} from "../../../kernels/wgsl/index.js";
import { type HostTensor, seededRandom, tensor } from "../../../tensor/index.js";
import { oneSegment } from "../../channels.js";
import { DevicePlan, type Services } from "../device/bindings.js";
import { encodeDispatches } from "../device/encode.js";
import { readTensors } from "../device/readback.js";
import { biasAndScales, packedBytes, wholeWeights } from "../lower/byteWeights.js";
import { toHalves } from "../lower/halves.js";
import type { BlockedTensor, Constant, Plan, Storage } from "../lower/plan.js";

/**
 * Largest difference of an element. Numbers are around 1, rounding in another order of summing stays below a tenth of this, and
 * a product that is missing or wrong is above it.
 */
const LIMIT = { float32: 1e-4, float16: 1e-2 };

/** Of weights in bytes: the noise of all but the shallowest convolutions fits. */
const BYTE_SCALE = 1 / 64;

/** Seeded noise in [−scale, scale). */
function noise(length: number, seed: number, scale: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => (2 * random() - 1) * scale);
}

const shapeOf = ({ pictures, quads, height, width }: Stored) => [pictures, quads * 4, height, width];

/** Weights and bias are the same for all kernels, so that the naive kernel and the other compute the same thing. */
interface Given {
  readonly weight: HostTensor;
  readonly bias: HostTensor;
}

function givenFor({ outChannels, inChannels, groups, kernel, inputChannels }: ConvProblem): Given {
  const perGroup = inChannels / groups;
  // Sums of about 1, whatever the depth.
  const scale = Math.sqrt(3 / (Math.min(perGroup, inputChannels.length) * kernel[0] * kernel[1]));
  const shape = [outChannels, perGroup, ...kernel];
  const weight = noise(outChannels * perGroup * kernel[0] * kernel[1], 1, scale);
  return {
    weight: tensor("float32", shape, weight),
    bias: tensor("float32", [outChannels], noise(outChannels, 2, 1)),
  };
}

/** What the kernel makes of noise: all stored channels, NCHW. */
async function outputOf(
  problem: ConvProblem,
  kernel: ConvKernel,
  { weight, bias }: Given,
  half: boolean,
  services: Services,
): Promise<HostTensor> {
  const { context } = services;
  const node = { name: "check", type: "conv2d" } as const;
  const storages: Storage[] = [];
  const blocked = (stored: Stored): BlockedTensor => {
    const storage = { id: storages.length, bytes: storedBytes(stored), first: -1, last: Number.POSITIVE_INFINITY };
    storages.push(storage);
    return { kind: "blocked", stored, segments: oneSegment(stored.quads * 4), storage, byteOffset: 0 };
  };
  const constant = (source: HostTensor, key: string, build: Constant["build"]): Constant => ({
    kind: "constant",
    sources: [source],
    key,
    build,
  });
  const x = blocked(problem.input);
  const residual = problem.residual === "input" ? blocked(problem.output) : undefined;
  const y = blocked(problem.output);
  const { byteWeights = false } = problem;
  const scales = new Float32Array(problem.outChannels).fill(BYTE_SCALE);
  const packed = constant(weight, `${byteWeights ? "bytes:" : ""}${kernel.packing(problem)}`, () => {
    if (byteWeights) return packedBytes(kernel.pack(wholeWeights(weight, scales), problem));
    const floats = kernel.pack(weight.data as Float32Array, problem);
    return half ? toHalves(floats, node.name) : floats;
  });
  const quads = kernel.biasQuads(problem);
  const packedBias = constant(bias, `${byteWeights ? "scaled " : ""}bias${quads}`, () => {
    if (byteWeights) return biasAndScales(bias.data as Float32Array, scales, quads);
    const floats = new Float32Array(quads * 4);
    floats.set(bias.data as Float32Array);
    return floats;
  });
  const operands = [x, packed, packedBias, residual ?? packedBias, y];
  const step = { node, call: { ...kernel.call(problem), half, byteWeights }, operands, flops: 0, isCopy: false };
  const plan: Plan = { steps: [step], storages, inputs: [], outputs: [], kept: new Map() };
  const onDevice = await DevicePlan.create(plan, services);
  try {
    // Noise in the output too: what is not written then shows, and it may be what has to be added.
    for (const [i, given] of [x, y, ...(residual ? [residual] : [])].entries()) {
      const floats = noise(given.storage.bytes / (half ? 2 : 4), 3 + i, 1);
      const { buffer, offset } = onDevice.range(given);
      context.device.queue.writeBuffer(buffer, offset, half ? toHalves(floats, node.name) : floats);
    }
    const encoder = context.device.createCommandEncoder();
    encodeDispatches(encoder, onDevice.dispatches);
    context.submit(encoder.finish());
    const [output] = await readTensors(context, [{ tensor: y, shape: shapeOf(y.stored), plan: onDevice }]);
    return output;
  } finally {
    onDevice.dispose();
  }
}

/** Whether every element is the naive kernel's, but for rounding. */
export async function agreesWithPlain(
  problem: ConvProblem,
  kernel: ConvKernel,
  half: boolean,
  services: Services,
): Promise<boolean> {
  const given = givenFor(problem);
  const naive = (await outputOf(problem, conv2dNaive, given, half, services)).data;
  const { data } = await outputOf(problem, kernel, given, half, services);
  const limit = half ? LIMIT.float16 : LIMIT.float32;
  return data.every((value, i) => Math.abs(Number(value) - Number(naive[i])) <= limit);
}
