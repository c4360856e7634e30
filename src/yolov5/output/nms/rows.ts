/** Rows of detection heads for suppression: all of them, or those selected by the backend. */

import { ShapeError } from "../../../errors.js";
import type { CandidateOutputs, CandidateRows } from "../../../runtime/backend.js";
import { elementCount, formatShape, type HostTensor, tensor, toFloat32 } from "../../../tensor/index.js";

/** All rows of raw outputs: `[N, rows, columns]`, then others. */
export function allRows([prediction, ...others]: readonly HostTensor[]): CandidateOutputs {
  const [n, total, columns] = prediction.shape;
  const { data } = toFloat32(prediction);
  const rows = new Int32Array(total);
  for (let row = 0; row < total; row++) rows[row] = row;
  const candidates = Array.from({ length: n }, (_, i): CandidateRows => {
    const picture = data.subarray(i * total * columns, (i + 1) * total * columns);
    return { rows, data: picture, columns, total };
  });
  return { candidates, others };
}

/** Batches one after another. */
export function joinBatches(parts: readonly CandidateOutputs[]): CandidateOutputs {
  return {
    candidates: parts.flatMap(({ candidates }) => candidates),
    others: joinTensors(parts.map(({ others }) => others)),
  };
}

/** Outputs of several batches, joined along the batch axis. */
export function joinTensors(parts: readonly (readonly HostTensor[])[]): HostTensor[] {
  return parts[0].map(({ shape: [, ...output] }, i) => {
    const n = parts.reduce((sum, outputs) => sum + outputs[i].shape[0], 0);
    const data = new Float32Array(n * elementCount(output));
    let at = 0;
    for (const outputs of parts) {
      data.set(outputs[i].data as Float32Array, at);
      at += outputs[i].data.length;
    }
    return tensor("float32", [n, ...output], data);
  });
}

/** Joins the rows of several models for the same pictures, which an ensemble suppresses together. */
export function joinMembers(members: readonly CandidateOutputs[]): CandidateOutputs {
  const candidates = members[0].candidates.map((_, n) => joinRows(members.map((member) => member.candidates[n])));
  return { candidates, others: [] };
}

function joinRows(parts: readonly CandidateRows[]): CandidateRows {
  const [{ columns }] = parts;
  const other = parts.find((part) => part.columns !== columns);
  if (other) {
    throw new ShapeError(
      `ensemble: rows ${formatShape([columns])} and ${formatShape([other.columns])} must have the same columns; use models with the same classes`,
    );
  }
  const sum = (of: (part: CandidateRows) => number): number => parts.reduce((all, part) => all + of(part), 0);
  const rows = new Int32Array(sum((part) => part.rows.length));
  const data = new Float32Array(rows.length * columns);
  let at = 0;
  let total = 0;
  for (const part of parts) {
    for (const [i, row] of part.rows.entries()) rows[at + i] = total + row;
    data.set(part.data, at * columns);
    at += part.rows.length;
    total += part.total;
  }
  return { rows, data, columns, total };
}
