/** Opened weights → members of a model on a backend. */

import type { LoadOptions } from "../api/loadOptions.js";
import type { Backend } from "../runtime/backend.js";
import { computeDTypeFor, createMember } from "../yolov5/loadModel.js";
import type { Member } from "../yolov5/model.js";
import type { OpenedWeights } from "./weightSource.js";

export function createMembers(
  weights: readonly OpenedWeights[],
  backend: Backend,
  options: Pick<LoadOptions, "half" | "names" | "tune" | "onNote">,
): Member[] {
  return weights.map(({ opened, path }) =>
    createMember(opened, backend, {
      path,
      names: options.names,
      dtype: computeDTypeFor(opened, backend, options),
      tune: options.tune === true ? {} : options.tune || undefined,
      onNote: options.onNote,
    }),
  );
}
