/** Reads tensors back as NCHW float32, for `tap`. */

import { type HostTensor, tensor, toFloat32 } from "../../../tensor/index.js";
import { storedOfChannels } from "../../channels.js";
import type { BlockedTensor, Tensor } from "../lower/plan.js";
import type { DevicePlan } from "./bindings.js";
import type { DeviceContext } from "./deviceContext.js";
import { BufferUsage, MapMode } from "./flags.js";

export interface Wanted {
  readonly tensor: Tensor;
  readonly shape: readonly number[];
  readonly plan: DevicePlan;
}

/** C4NHW4 to NCHW on the host. */
function unpack(source: Float32Array, t: BlockedTensor): Float32Array<ArrayBuffer> {
  const { pictures, height, width, plane } = t.stored;
  const perPicture = height * width;
  const stored = storedOfChannels(t.segments);
  const out = new Float32Array(pictures * stored.length * perPicture);
  stored.forEach((s, channel) => {
    const base = (s >> 2) * plane * 4 + (s & 3);
    for (let n = 0; n < pictures; n++) {
      const to = (n * stored.length + channel) * perPicture;
      const from = base + n * perPicture * 4;
      for (let p = 0; p < perPicture; p++) out[to + p] = source[from + p * 4];
    }
  });
  return out;
}

/** The numbers of a stored tensor in the order they lie in, as float32. */
function floatsAt(bytes: ArrayBuffer, offset: number, size: number, t: Tensor): Float32Array {
  if (t.kind === "dense" || t.stored.pixelBytes === 16) return new Float32Array(bytes, offset, size / 4);
  const halves = new Uint16Array(bytes, offset, size / 2);
  return toFloat32(tensor("float16", [halves.length], halves.slice())).data;
}

/** Copies tensors to the host; they must still hold what the last run left in them. */
export async function readTensors(context: DeviceContext, wanted: readonly Wanted[]): Promise<HostTensor[]> {
  const ranges = wanted.map(({ tensor: t, plan }) => plan.range(t));
  const total = ranges.reduce((sum, range) => sum + range.size, 0);
  const staging = context.createBuffer(total, BufferUsage.MAP_READ | BufferUsage.COPY_DST, "tap staging");
  try {
    const encoder = context.device.createCommandEncoder();
    let end = 0;
    const offsets = ranges.map(({ buffer, offset, size }) => {
      const at = end;
      encoder.copyBufferToBuffer(buffer, offset, staging, at, size);
      end += size;
      return at;
    });
    context.submit(encoder.finish());
    await context.guard(staging.mapAsync(MapMode.READ));
    const mapped = staging.getMappedRange();
    return wanted.map(({ tensor: t, shape }, i) => {
      const floats = floatsAt(mapped, offsets[i], ranges[i].size, t);
      const data = t.kind === "blocked" ? unpack(floats, t) : floats.slice(0, t.elements);
      return tensor("float32", shape, data);
    });
  } finally {
    context.destroyBuffer(staging);
  }
}
