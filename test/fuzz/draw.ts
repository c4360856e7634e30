/** Seeded choices: the same seed draws the same case on every machine. */

import { seededRandom } from "../../src/tensor/index.js";

/** Numbers at which readers go wrong: around the ends of the widths that files store. */
const ODD_NUMBERS = [
  ...[0, 1, 2, 3, 4, 7, 8, 15, 16, 63, 64, 65, 127, 128, 255, 256, 257, 1000, 1023, 1024, 4095, 32767, 32768],
  ...[65535, 65536, 100_000, 1e6, 2 ** 24, 2 ** 26, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
];

export class Draw {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 4; i++) this.random();
  }

  /** From 0 to below 1. */
  unit(): number {
    return this.random();
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  /** A whole number within both bounds. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** One of the choices, each as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T {
    let left = this.random() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, choice] of choices) {
      left -= weight;
      if (left < 0) return choice;
    }
    return choices[choices.length - 1][1];
  }

  several<T>(least: number, most: number, make: (i: number) => T): T[] {
    return Array.from({ length: this.between(least, most) }, (_, i) => make(i));
  }

  /** A whole number at which readers go wrong. */
  odd(most = 2 ** 32 - 1): number {
    const number = this.pick(ODD_NUMBERS) + this.pick([0, 0, 0, 1, -1]);
    return Math.max(0, Math.min(most, number));
  }

  /** Normally the true number, sometimes another one. */
  lie(truth: number, most = 2 ** 32 - 1, probability = 0.08): number {
    if (!this.chance(probability)) return truth;
    return this.chance(0.3) ? Math.max(0, Math.min(most, truth + this.pick([-8, -1, 1, 8]))) : this.odd(most);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** A short text, sometimes a long one, or one that would break a line or turn its text around. */
  text(): string {
    const short = (): string => String.fromCharCode(...this.several(0, 8, () => this.between(97, 122)));
    return this.weighted<() => string>([
      [6, short],
      [1, () => short().repeat(this.between(1, 5000))],
      [1, () => `${short()}\n\r\x1b[2J\u202e\u2028${short()}`],
      [1, () => this.pick(["__proto__", "constructor", "", ".", "..", "/", "model", "0", "-1", "NaN", "\ud800", "💥"])],
      [1, () => String(this.odd())],
    ])();
  }
}

/** A seed of 32 bits for one case of a run. */
export function caseSeed(seed: number, index: number): number {
  let x = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
