/**
 * Sources of pictures → what is shown and written of them. The same on the command's own thread and in workers, so that
 * both give the same.
 */

import type { PictureFormat, RgbImage } from "../../../image/index.js";
import type { OnProgress } from "../../../node/net/download.js";
import { VideoAddressError } from "../../../node/net/downloadPicture.js";
import type { Picture } from "../../../yolov5/input/pictures.js";
import type { Result } from "../../../yolov5/model.js";
import { errorLine } from "../../errors.js";
import { throwIfInterrupted } from "../../interrupt.js";
import { type ReadOptions, type ReadPicture, readPicture } from "../sources/readPicture.js";
import type { SourceItem } from "../sources/sourceItem.js";
import { isFatal } from "./fatal.js";
import { type Finished, type FinishOptions, type FinishTools, finish } from "./finish.js";

/** The outcome for one source. `Found` is a result that is not finished yet. */
export type Processed<Found> =
  | { readonly kind: "finished"; readonly finished: Finished }
  | {
      readonly kind: "found";
      readonly found: Found;
      readonly image: RgbImage;
      readonly format: PictureFormat | undefined;
    }
  | { readonly kind: "failed"; readonly message: string }
  /** An address that turned out to serve a video. */
  | { readonly kind: "video" };

export interface BatchContext<Found> {
  readonly signal: AbortSignal;
  readonly maxPixels: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Told of a picture's file before it is decoded. */
  readonly expect?: ReadOptions["expect"];
  readonly detect: (pictures: readonly Picture[]) => Promise<readonly Found[]>;
  readonly resultOf: (found: Found) => Result;
  /** Undefined: results are finished elsewhere. */
  readonly finish: (FinishOptions & Pick<FinishTools, "font">) | undefined;
}

/**
 * Reads and detects pictures as one batch. One that cannot be read or detected does not affect the others.
 * @returns one entry for each item.
 * @throws errors after which no further picture can succeed; InterruptedError.
 */
export async function processBatch<Found>(
  items: readonly SourceItem[],
  context: BatchContext<Found>,
): Promise<Processed<Found>[]> {
  const read: (ReadPicture | Processed<never>)[] = [];
  for (const item of items) read.push(await readItem(item, context));
  const pictures = read.flatMap((entry) => ("picture" in entry ? [entry.picture] : []));
  let results: readonly Found[] = [];
  try {
    if (pictures.length > 0) results = await context.detect(pictures);
  } catch (error) {
    throwIfInterrupted(context.signal);
    if (isFatal(error)) throw error;
    if (items.length === 1) return [{ kind: "failed", message: errorLine(error) }];
    // The batch does not say which of its pictures failed, so each runs again on its own.
    const single: Processed<Found>[] = [];
    for (const item of items) single.push(...(await processBatch([item], context)));
    return single;
  }
  throwIfInterrupted(context.signal);
  const processed: Processed<Found>[] = [];
  let next = 0;
  for (const entry of read) {
    if (!("picture" in entry)) {
      processed.push(entry);
      continue;
    }
    const found = results[next++];
    const { picture, format } = entry;
    const { image } = picture;
    const { signal, finish: options } = context;
    if (!options) processed.push({ kind: "found", found, image, format });
    else {
      const finished = await finish(context.resultOf(found), { image, format }, options, {
        signal,
        font: options.font,
      });
      processed.push({ kind: "finished", finished });
    }
  }
  return processed;
}

async function readItem(
  item: SourceItem,
  { signal, maxPixels, onProgress, expect }: Pick<ReadOptions, "signal" | "maxPixels" | "onProgress" | "expect">,
): Promise<ReadPicture | Processed<never>> {
  if (item.error !== undefined) return { kind: "failed", message: item.error };
  try {
    return await readPicture(item.address ?? item.source, { signal, onProgress, maxPixels, expect });
  } catch (error) {
    throwIfInterrupted(signal);
    if (error instanceof VideoAddressError) return { kind: "video" };
    return { kind: "failed", message: errorLine(error) + modelAdvice(item.source) };
  }
}

/** For `--source a.jpg b.pt`: says that the model was taken for a picture. */
function modelAdvice(source: string): string {
  return /\.(?:pt|pth|safetensors|onnx)$/i.test(source)
    ? " (it was taken for a picture; pass models with --weights)"
    : "";
}
