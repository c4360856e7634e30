/** Conversions between float32 and the 16-bit formats, bit for bit as IEEE 754 and PyTorch do them. */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** One binary16 pattern to its number. */
export function halfToFloat(h: number): number {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A number to its binary16 pattern, rounded half to even; beyond 65,504 + half a step it becomes infinity. */
export function floatToHalf(value: number): number {
  f32[0] = value;
  const bits = u32[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds to infinity
  if (magnitude < 0x38800000) {
    // Subnormal: the value in units of 2^-24, rounded half to even.
    const scaled = Math.abs(f32[0]) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    const up = rest > 0.5 || (rest === 0.5 && (floor & 1) === 1);
    return sign | (floor + (up ? 1 : 0));
  }
  const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1);
  return sign | (rounded >> 13);
}

let table: Float32Array | undefined;

/**
 * All 65,536 binary16 values, so that whole tensors convert by one look-up an element. Normal numbers are made of whole
 * numbers: this runs once, before anything is optimised.
 */
export function halfTable(): Float32Array {
  if (!table) {
    table = new Float32Array(65536);
    const bits = new Int32Array(table.buffer);
    for (let h = 0; h < 0x8000; h++) {
      const exponent = h >> 10;
      if (exponent === 0 || exponent === 31) {
        table[h] = halfToFloat(h);
        table[h + 0x8000] = halfToFloat(h + 0x8000);
        continue;
      }
      const positive = ((exponent + 112) << 23) | ((h & 1023) << 13);
      bits[h] = positive;
      bits[h + 0x8000] = positive | (1 << 31);
    }
  }
  return table;
}

export function halfArrayToFloat32(source: Uint16Array): Float32Array {
  const out = new Float32Array(source.length);
  convertHalves(out, source);
  return out;
}

export function convertHalves(target: Float32Array, source: Uint16Array): void {
  const values = halfTable();
  for (let i = 0; i < source.length; i++) target[i] = values[source[i]];
}

export function float32ArrayToHalf(source: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(source.length);
  for (let i = 0; i < source.length; i++) out[i] = floatToHalf(source[i]);
  return out;
}

export function bfloat16ArrayToFloat32(source: Uint16Array): Float32Array {
  const bits = new Uint32Array(source.length);
  for (let i = 0; i < source.length; i++) bits[i] = source[i] << 16;
  return new Float32Array(bits.buffer);
}
