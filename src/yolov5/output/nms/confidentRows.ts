/** The first step of suppression: which rows, and which of their classes, are above the confidence threshold. */

/** Boxes before suppression, as columns. */
export interface ConfidentRows {
  count: number;
  rows: Int32Array;
  classes: Int32Array;
  scores: Float32Array;
}

export interface FilterOptions {
  readonly conf: number;
  readonly multiLabel: boolean;
  readonly classes: readonly number[] | undefined;
  /** Whether the fifth number of a row is an objectness, which every class is multiplied by. */
  readonly objectness: boolean;
}

/** Rows (and classes) above the threshold, in order of row, then class. NaN fails every comparison. */
export function confidentRows(
  prediction: Float32Array,
  columns: number,
  classCount: number,
  options: FilterOptions,
): ConfidentRows {
  // The threshold is compared as a float32, as torch does with a scalar beside a float32 tensor.
  const threshold = Math.fround(options.conf);
  const multiLabel = options.multiLabel && classCount > 1;
  const wanted = options.classes && new Uint8Array(classCount);
  if (wanted) for (const c of options.classes ?? []) if (c < classCount) wanted[c] = 1;

  const found: ConfidentRows = {
    count: 0,
    rows: new Int32Array(256),
    classes: new Int32Array(256),
    scores: new Float32Array(256),
  };
  for (let at = 0; at < prediction.length; at += columns) {
    const objectness = options.objectness ? prediction[at + 4] : 1;
    if (!(objectness > threshold)) continue;
    const first = at + (options.objectness ? 5 : 4);
    if (multiLabel) {
      for (let c = 0; c < classCount; c++) {
        const score = Math.fround(prediction[first + c] * objectness);
        if (score > threshold && (!wanted || wanted[c] === 1)) push(found, at / columns, c, score);
      }
      continue;
    }
    let best = 0;
    let score = Math.fround(prediction[first] * objectness);
    for (let c = 1; c < classCount; c++) {
      const value = Math.fround(prediction[first + c] * objectness);
      // Like torch's max: the first of equals, and NaN if any is NaN.
      if (value > score || Number.isNaN(value)) {
        score = value;
        best = c;
      }
      if (Number.isNaN(score)) break;
    }
    if (score > threshold && (!wanted || wanted[best] === 1)) push(found, at / columns, best, score);
  }
  return found;
}

function push(found: ConfidentRows, row: number, classIndex: number, score: number): void {
  if (found.count === found.rows.length) {
    found.rows = grow(found.rows, Int32Array);
    found.classes = grow(found.classes, Int32Array);
    found.scores = grow(found.scores, Float32Array);
  }
  found.rows[found.count] = row;
  found.classes[found.count] = classIndex;
  found.scores[found.count++] = score;
}

function grow<T extends Int32Array | Float32Array>(source: T, Type: new (length: number) => T): T {
  const larger = new Type(source.length * 2);
  larger.set(source);
  return larger;
}
