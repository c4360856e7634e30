/** `load`, wherever the parts of the engine come from. Apart from `load.ts`, so that its types name none of WebGPU. */

import type { LoadOptions } from "../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../api/sources.js";
import { OptionError } from "../errors.js";
import { signalOf, untilAborted } from "../yolov5/calls/abort.js";
import type { Model } from "../yolov5/model.js";
import type { Parts } from "./parts.js";

/**
 * The checkpoints named in a call.
 * @throws OptionError if there are none.
 */
export function checkpointsOf(source: WeightSource | readonly WeightSource[] | undefined): readonly WeightSource[] {
  if (source === undefined) {
    throw new OptionError(
      "in a page load() needs a checkpoint: a URL, a file or its bytes; only Node can load the embedded model by default",
    );
  }
  return Array.isArray(source) ? source : [source as WeightSource];
}

/** `load` with these parts. */
export async function loadWith(
  parts: Parts,
  source: WeightSource | readonly WeightSource[] | undefined,
  options: LoadOptions,
): Promise<Model<PictureSource>> {
  const sources = checkpointsOf(source);
  const { loadHere } = await untilAborted(signalOf(options.signal), () => parts.engine());
  return loadHere(sources, options, parts);
}
