/**
 * Memory layout on the device: NC4HW4, four channels of a pixel in one vec4 (a texel in WebGL, four consecutive
 * floats elsewhere), so that one thread computes four output channels and reads four input channels at once. Channels
 * past the last are padding: finite, and multiplied by zero weights where they are read.
 */

/** Width, height, depth in vec4 elements, as gpu.js counts threads. */
export type Extent = readonly [x: number, y: number, z: number];

export const blocksOf = (channels: number): number => Math.ceil(channels / 4);

export function extentOf([n, c, h, w]: readonly number[]): Extent {
  return [w, h, n * blocksOf(c)];
}

export const floatsOf = ([x, y, z]: Extent): number => 4 * x * y * z;

/** NCHW to NC4HW4. */
export function pack(data: Float32Array, [n, c, h, w]: readonly number[]): Float32Array {
  const blocks = blocksOf(c);
  const pixels = h * w;
  const out = new Float32Array(n * blocks * pixels * 4);
  for (let image = 0; image < n; image++) {
    for (let channel = 0; channel < c; channel++) {
      const from = (image * c + channel) * pixels;
      const to = (image * blocks + (channel >> 2)) * pixels * 4 + (channel & 3);
      for (let p = 0; p < pixels; p++) out[to + p * 4] = data[from + p];
    }
  }
  return out;
}

/** NC4HW4 to NCHW. */
export function unpack(packed: Float32Array, [n, c, h, w]: readonly number[]): Float32Array {
  const blocks = blocksOf(c);
  const pixels = h * w;
  const out = new Float32Array(n * c * pixels);
  for (let image = 0; image < n; image++) {
    for (let channel = 0; channel < c; channel++) {
      const to = (image * c + channel) * pixels;
      const from = (image * blocks + (channel >> 2)) * pixels * 4 + (channel & 3);
      for (let p = 0; p < pixels; p++) out[to + p] = packed[from + p * 4];
    }
  }
  return out;
}

/** A vector over channels as [blocks] of vec4. */
export function packVector(data: Float32Array): Float32Array {
  const out = new Float32Array(blocksOf(data.length) * 4);
  out.set(data);
  return out;
}

/**
 * OIHW weights of a convolution whose groups consist of whole blocks: [output block][input block][tap][input lane], a
 * vec4 over output lanes each.
 */
export function packBlockWeights(data: Float32Array, [o, c, kh, kw]: readonly number[]): Float32Array {
  const taps = kh * kw;
  const inputBlocks = blocksOf(c);
  const out = new Float32Array(blocksOf(o) * inputBlocks * taps * 16);
  for (let output = 0, at = 0; output < o; output++) {
    for (let input = 0; input < c; input++) {
      const base = ((output >> 2) * inputBlocks + (input >> 2)) * taps;
      for (let tap = 0; tap < taps; tap++) {
        out[((base + tap) * 4 + (input & 3)) * 4 + (output & 3)] = data[at++];
      }
    }
  }
  return out;
}

/** OIHW weights of any grouped convolution: [output block][input of the group][tap], a vec4 over output lanes each. */
export function packLaneWeights(data: Float32Array, [o, c, kh, kw]: readonly number[]): Float32Array {
  const depth = c * kh * kw;
  const out = new Float32Array(blocksOf(o) * depth * 4);
  for (let output = 0, at = 0; output < o; output++) {
    for (let k = 0; k < depth; k++) out[((output >> 2) * depth + k) * 4 + (output & 3)] = data[at++];
  }
  return out;
}
