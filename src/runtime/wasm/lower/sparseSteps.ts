/** Which steps of a plan compute few rows of a detection head, and what the host does between them. */

import type { Address, Storage } from "./storages.js";

/** An argument that each run sets. */
export interface RunArgument {
  readonly step: number;
  /** Which of the step's words. */
  readonly word: number;
}

export interface SparseLevel {
  readonly n: number;
  /** Pixels of a picture. */
  readonly pixels: number;
  readonly anchors: number;
  /** Number of the level's first row in a picture. */
  readonly firstRow: number;
  /** Four floats a pixel, of which the first are its anchors' objectness before σ. */
  readonly scores: Storage;
  /** What the layer reads: `depth` words of 32 bits a pixel, one float or several integers each. */
  readonly source: {
    readonly at: Address;
    readonly width: number;
    readonly pixelBytes: number;
    readonly rowBytes: number;
    readonly imageBytes: number;
  };
  readonly depth: number;
  /** At most so many pixels are listed. */
  readonly most: number;
  /** Where the host puts their inputs and their places, and where their rows are then. */
  readonly inputs: Address;
  readonly places: Storage;
  readonly rows: Address;
  /** Both receive their number. */
  readonly counts: readonly RunArgument[];
}

export interface SparseHead {
  /** Steps that a run for all rows alone takes. */
  readonly whole: ReadonlySet<number>;
  /** Steps [from, to) that compute objectness, and those that compute the listed pixels. */
  readonly scores: readonly [from: number, to: number];
  readonly listed: readonly [from: number, to: number];
  readonly levels: readonly SparseLevel[];
  /** Rows of a picture, and floats of a row. */
  readonly total: number;
  readonly columns: number;
}
