/**
 * Pictures into a network's input by WebAssembly, row by row: the rows that a row of the input is made of are copied into the
 * model's memory, next to a table of the columns.
 */

import { COLUMN_BYTES, PICTURE_STEP, type PictureFunctions } from "../../../kernels/wasm/index.js";
import type { DevicePicture } from "../../backend.js";
import type { LinearMemory } from "../device/linearMemory.js";
import { ALIGNMENT, roundUp } from "../lower/storages.js";

/** Read beyond the last pixel of a row. */
const OVERHANG = 16;

/** Where the rows of a picture go, in floats. */
export interface RowsTarget {
  /** Of the picture's first pixel; and the distances from there. */
  readonly first: number;
  readonly row: number;
  readonly plane: number;
}

const slotBytes = ({ pixels: { width, channels } }: DevicePicture): number =>
  roundUp(width * channels + OVERHANG, ALIGNMENT);
const tableBytes = ({ columns }: DevicePicture): number => roundUp(columns.first.length * COLUMN_BYTES, ALIGNMENT);

export class PictureRows {
  private opened: { readonly memory: WebAssembly.Memory; readonly functions: PictureFunctions } | undefined;
  private staging = { address: 0, bytes: 0 };

  /** @param module undefined on hosts that cannot run it */
  constructor(
    private readonly memory: LinearMemory,
    private readonly module: () => Promise<WebAssembly.Module> | undefined,
  ) {}

  /** Of memory that it keeps. */
  get bytes(): number {
    return this.staging.bytes;
  }

  /** Makes room for these pictures. May move the memory's views. */
  async open(pictures: readonly DevicePicture[]): Promise<PictureWriter | undefined> {
    const compiled = await this.module();
    if (!compiled) return undefined;
    const { memory } = this.memory;
    if (this.opened?.memory !== memory) {
      const { exports } = await WebAssembly.instantiate(compiled, { env: { memory } });
      this.opened = { memory, functions: exports as unknown as PictureFunctions };
    }
    const needed = Math.max(...pictures.map((picture) => tableBytes(picture) + 2 * slotBytes(picture)));
    if (needed > this.staging.bytes) {
      const { address, bytes } = this.staging;
      if (bytes > 0) this.memory.give(address);
      this.staging = { address: 0, bytes: 0 };
      this.staging = { address: this.memory.take(needed), bytes: needed };
    }
    return new PictureWriter(this.opened.functions, new Uint8Array(memory.buffer), this.staging.address);
  }
}

/** Writes pictures until the memory grows. */
export class PictureWriter {
  constructor(
    private readonly functions: PictureFunctions,
    private readonly bytes: Uint8Array,
    private readonly staging: number,
  ) {}

  /** Whether a picture is wide enough for it. */
  takes({ columns }: DevicePicture): boolean {
    return columns.first.length >= PICTURE_STEP;
  }

  /** Writes a picture that has the input's scale already. */
  copy({ pixels, columns, rows }: DevicePicture, { first, row, plane }: RowsTarget): void {
    const { data, width, channels } = pixels;
    const count = columns.first.length;
    for (let line = 0; line < rows.first.length; line++) {
      const from = rows.first[line] * width * channels;
      this.bytes.set(data.subarray(from, from + count * channels), this.staging);
      this.functions.copy(this.staging, channels, count, (first + line * row) * 4, plane * 4);
    }
  }

  resize(picture: DevicePicture, { first, row, plane }: RowsTarget): void {
    const { pixels, columns, rows } = picture;
    const { data, width, channels } = pixels;
    this.writeColumns(picture);
    const rowBytes = width * channels;
    const slots = [0, 1].map((slot) => this.staging + tableBytes(picture) + slot * slotBytes(picture));
    /** Which rows of the picture the slots hold. */
    const held = [-1, -1];
    const put = (source: number, slot: number): number => {
      if (held[slot] !== source) {
        this.bytes.set(data.subarray(source * rowBytes, (source + 1) * rowBytes), slots[slot]);
        held[slot] = source;
      }
      return slots[slot];
    };
    for (let line = 0; line < rows.first.length; line++) {
      const [above, below] = [rows.first[line], rows.second[line]];
      const slot = held[1] === above || (held[0] === below && held[0] !== above) ? 1 : 0;
      const upper = put(above, slot);
      const lower = above === below ? upper : put(below, 1 - slot);
      this.functions.resize(
        upper,
        lower,
        rows.firstWeight[line],
        rows.secondWeight[line],
        this.staging,
        columns.first.length,
        (first + line * row) * 4,
        plane * 4,
      );
    }
  }

  private writeColumns({ pixels: { channels }, columns }: DevicePicture): void {
    const { first, second, firstWeight, secondWeight } = columns;
    const words = new Int32Array(this.bytes.buffer, this.staging, (first.length * COLUMN_BYTES) / 4);
    for (let x = 0, at = 0; x < first.length; x++, at += COLUMN_BYTES / 4) {
      words[at] = first[x] * channels;
      words[at + 1] = second[x] * channels;
      words[at + 2] = firstWeight[x] | (secondWeight[x] << 16);
    }
  }
}
