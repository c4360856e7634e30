/** Runs the network over the views of a picture, a batch at a time, and merges what it finds. */

import type { ResolvedSlices } from "../../solutions/slices/options.js";
import type { Picture } from "../input/pictures.js";
import type { ResolvedOptions } from "../options.js";
import type { Size } from "../output/boxes.js";
import { type Outcome, pictureFacts, resultOf } from "../output/outcome.js";
import type { Speed } from "../output/results.js";
import { mergeObjects, objectsInView, type ViewObject } from "./objects.js";
import { pictureOf, viewsOf } from "./views.js";

/** What the views run on. */
export interface SliceRunner {
  readonly names: readonly string[];
  /** The network's input, which is also the default size of windows. */
  readonly input: Size;
  /** Outcomes of pictures, in their order. */
  readonly run: (pictures: readonly Picture[], options: ResolvedOptions) => Promise<readonly Outcome[]>;
}

/**
 * The outcome of one picture. Only the pixels of one batch are copied at a time, and of each batch only its objects are kept.
 * @throws what `run` throws.
 */
export async function slicedOutcome(
  picture: Picture,
  slices: ResolvedSlices,
  options: ResolvedOptions,
  { names, input, run }: SliceRunner,
): Promise<Outcome> {
  const { image } = picture;
  const { windows, views } = viewsOf(image, slices, input);
  if (views.length === 1) {
    const [outcome] = await run([picture], options);
    options.onSlice({ done: 1, total: 1 });
    return { ...outcome, facts: { ...outcome.facts, slices: 1 } };
  }
  const objects: ViewObject[] = [];
  const ms = { preprocess: 0, inference: 0, postprocess: 0 };
  let own = options;
  let last: Outcome | undefined;
  for (let done = 0; done < views.length; ) {
    // The whole picture, which comes first, usually has another shape in the network.
    const size = done === 0 && slices.whole ? 1 : options.batchSize;
    const batch = views.slice(done, done + size);
    const outcomes = await run(
      batch.map((view) => pictureOf(picture, view)),
      own,
    );
    // One warning about the options is enough.
    own = { ...options, onWarning: () => undefined };
    const started = performance.now();
    for (const [i, outcome] of outcomes.entries()) {
      add(ms, outcome.facts.speed);
      objects.push(...objectsInView(resultOf(outcome, names), batch[i], done + i, image));
      last = outcome;
    }
    ms.postprocess += performance.now() - started;
    done += batch.length;
    options.onSlice({ done, total: views.length });
  }
  const started = performance.now();
  const merged = mergeObjects(objects, views, image, {
    merge: slices.merge,
    threshold: slices.threshold,
    agnostic: options.agnostic,
    most: options.maxDet,
  });
  ms.postprocess += performance.now() - started;
  const { task = "detect", family, keypoints, facts } = last ?? {};
  return {
    ...{ task, family, keypoints },
    facts: { ...pictureFacts(picture), input: facts?.input ?? [], speed: ms, slices: windows },
    objects: merged,
  };
}

function add(sum: { -readonly [K in keyof Speed]: number }, { preprocess, inference, postprocess }: Speed): void {
  sum.preprocess += preprocess;
  sum.inference += inference;
  sum.postprocess += postprocess;
}
