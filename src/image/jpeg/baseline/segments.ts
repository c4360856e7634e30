/** A scan's data, which restart markers divide. */

import type { Decoder } from "./instance.js";
import { AT, COMPONENT, STATE } from "./layout.js";
import type { Layout } from "./memory.js";

const FIRST_RESTART = 0xd0;

/** The data between restart markers. */
export class Segments {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private read: number;
  private written: number;
  private restarts = 0;
  private sinceRestart = 0;
  private readonly end: number;

  constructor(
    private readonly decoder: Decoder,
    { source, data }: Layout,
    length: number,
  ) {
    this.words = new Int32Array(decoder.memory.buffer);
    this.bytes = new Uint8Array(decoder.memory.buffer);
    this.read = source;
    this.written = data;
    this.end = source + length;
    this.begin();
  }

  /** Decodes a row of MCUs. False if the data are damaged. */
  decode(columns: number, restartInterval: number): boolean {
    for (let left = columns; left > 0; ) {
      if (restartInterval > 0 && this.sinceRestart === restartInterval && !this.restart()) return false;
      const count = restartInterval > 0 ? Math.min(left, restartInterval - this.sinceRestart) : left;
      if (this.decoder.mcus(count) === 0) return false;
      left -= count;
      this.sinceRestart += count;
    }
    return true;
  }

  /** False unless the segment is used up and the marker that is expected follows. */
  private restart(): boolean {
    const { words, bytes, read, end } = this;
    const at = AT.state >> 2;
    const used = words[at + (STATE.next >> 2)] - (words[at + (STATE.count >> 2)] >> 3);
    if (used !== this.written || read + 2 > end) return false;
    if (bytes[read] !== 0xff || bytes[read + 1] !== FIRST_RESTART + (this.restarts++ & 7)) return false;
    this.read += 2;
    this.sinceRestart = 0;
    this.begin();
    return true;
  }

  private begin(): void {
    const { words } = this;
    this.decoder.unstuff(this.read, this.end, this.written);
    const at = AT.state >> 2;
    words[at + (STATE.next >> 2)] = this.written;
    words[at + (STATE.count >> 2)] = 0;
    words.fill(0, at + (STATE.bits >> 2), at + (STATE.bits >> 2) + 2);
    this.read = words[at + (STATE.read >> 2)];
    this.written = words[at + (STATE.written >> 2)];
    words[at + (STATE.end >> 2)] = this.written;
    for (let i = 0; i < 3; i++) words[(AT.components + i * COMPONENT.bytes + COMPONENT.lastDc) >> 2] = 0;
  }
}
