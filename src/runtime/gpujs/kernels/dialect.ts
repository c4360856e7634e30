/**
 * Pieces of kernel source. gpu.js parses the text of kernel functions, and minifiers rewrite functions (and drop
 * `this.thread` uses that they believe dead), so kernels are built as strings, which no bundler touches.
 *
 * Two dialects differ in how four channels are read: WebGL has arrays of vec4 (one texel), gpu.js's CPU modes have
 * flat arrays of floats. Everything else is the same text.
 */

export type Dialect = "texture" | "flat";

export const LANES = [0, 1, 2, 3] as const;
export type Lane = (typeof LANES)[number];

/** Expression of one lane of what `load` read into `name`. */
export function lane(dialect: Dialect, name: string, index: Lane): string {
  return dialect === "texture" ? `${name}[${index}]` : `${name}${index}`;
}

/** Reads the vec4 at [z][y][x] of an argument into `name`. */
export function load(dialect: Dialect, name: string, array: string, z: string, y: string, x: string): string {
  if (dialect === "texture") return `const ${name} = ${array}[${z}][${y}][${x}];`;
  return LANES.map((i) => `const ${name}${i} = ${array}[${z}][${y}][(${x}) * 4 + ${i}];`).join(" ");
}

/** Reads one channel (`channel` counts from the first block, which is `base`) of a pixel into `name`. */
export function loadChannel(
  dialect: Dialect,
  name: string,
  array: string,
  place: { readonly base: string; readonly channel: string; readonly y: string; readonly x: string },
): string {
  const block = `const ${name}b = Math.floor((${place.channel} + 0.5) / 4); const ${name}l = ${place.channel} - ${name}b * 4;`;
  const z = `${place.base} + ${name}b`;
  if (dialect === "flat") return `${block} const ${name} = ${array}[${z}][${place.y}][(${place.x}) * 4 + ${name}l];`;
  const t = `${name}t`;
  const pick = `(${name}l < 0.5 ? ${t}[0] : (${name}l < 1.5 ? ${t}[1] : (${name}l < 2.5 ? ${t}[2] : ${t}[3])))`;
  return `${block} ${load(dialect, t, array, z, place.y, place.x)} const ${name} = ${pick};`;
}

/**
 * `image` and `block` of the thread, whose z counts `blocks` blocks per image. The half keeps the quotient away from
 * whole numbers, which GPUs' division may miss.
 */
export function threadBlock(images: number, blocks: number): string {
  if (images === 1) return "const image = 0; const block = this.thread.z;";
  return `const image = Math.floor((this.thread.z + 0.5) / ${blocks}); const block = this.thread.z - image * ${blocks};`;
}

/** A number as source text that parses as the same float. */
export function literal(value: number): string {
  return value < 0 ? `(${value})` : `${value}`;
}
