/**
 * Pictures that remember their origin for `result.save`: a path or address and the file's state, but no pixels. A
 * result from a picture in memory keeps nothing of it.
 */

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { nameOfAddress } from "../../api/address.js";
import type { PictureSource } from "../../api/sources.js";
import { ImageError, OptionError } from "../../errors.js";
import { signalOf, throwIfAborted, untilAborted } from "../../yolov5/calls/abort.js";
import { resolveStyle } from "../../yolov5/draw/drawStyle.js";
import type { ResultSaver } from "../../yolov5/draw/saver.js";
import type { Picture, ReadPictureOptions } from "../../yolov5/input/pictures.js";
import type { PlainPicture } from "../../yolov5/input/plainPicture.js";
import { type Place, placeOf } from "../localAddress.js";
import { drawWithFont } from "./annotate.js";
import { readPictureSource } from "./pictureSource.js";
import { pictureFile } from "./savePicture.js";

/** Where a picture can be read again from. */
interface Origin {
  /** An absolute path, or an address including its password. */
  readonly source: string;
  /** For files: changes when the file does. */
  readonly stamp?: string | undefined;
}

/**
 * Reads anything that `detect` accepts, such that the result can be saved.
 * @throws ImageError, DownloadError with the source.
 */
export async function readWithSaver(source: PictureSource, options: ReadPictureOptions): Promise<Picture> {
  const { content, saver } = await withSaver(source, options.maxPixels, () => readPictureSource(source, options));
  return { ...content, saver };
}

/** The result of `read`, and what saves a result for it. `read` is called at once for a picture in memory. */
export async function withSaver<T>(
  source: PictureSource,
  maxPixels: number | undefined,
  read: () => Promise<T>,
): Promise<{ readonly content: T; readonly saver: ResultSaver }> {
  const place = placeOf(source, "picture");
  // Memory is read synchronously: its owner may reuse it once this call has returned.
  if (!place) return { content: await read(), saver: saverOf(undefined, maxPixels) };
  const origin = await originOf(place);
  return { content: await read(), saver: saverOf(origin, maxPixels) };
}

async function originOf(place: Place): Promise<Origin | undefined> {
  if (place.kind === "remote") return { source: place.address };
  if (place.kind !== "path") return undefined;
  const path = resolve(place.address);
  return { source: path, stamp: await stampOf(path) };
}

/** Identifies a file and its last modification. */
async function stampOf(path: string): Promise<string | undefined> {
  const found = await statOf(path);
  return found && [found.dev, found.ino, found.size, found.mtimeNs].join(" ");
}

const statOf = (path: string) => stat(path, { bigint: true }).catch(() => undefined);

function saverOf(origin: Origin | undefined, maxPixels: number | undefined): ResultSaver {
  const save: ResultSaver = async (result, path, options) => {
    resolveStyle(options);
    const { signal } = options;
    const file = await pictureFile(path, options);
    const { picture: given = origin?.source } = options;
    if (given === undefined) {
      throw new OptionError(
        `${file.path}: the result's picture came from memory and is not kept; pass it again: result.save(path, { picture })`,
      );
    }
    await refuseItself(file.path, given);
    if (options.picture === undefined) await refuseChanged(origin);
    const { image } = await readPictureSource(given, { maxPixels: options.maxPixels ?? maxPixels, signal });
    if (image.width !== result.width || image.height !== result.height) {
      throw new ImageError(
        `${typeof given === "string" ? nameOfAddress(given) : "the picture"}: has ${image.width}×${image.height} pixels, but the result is for ${result.width}×${result.height}; run detect again, or pass the result's picture: result.save(path, { picture })`,
      );
    }
    const drawn = await drawWithFont(image, result, options);
    throwIfAborted(signal);
    await file.write(drawn);
  };
  return (result, path, options) =>
    untilAborted(signalOf(options?.signal), (signal) => save(result, path, { ...options, signal }));
}

/** Refuses to overwrite the picture itself. */
async function refuseItself(path: string, picture: PlainPicture): Promise<void> {
  const from = pathOfPicture(picture);
  const [target, own] = await Promise.all([statOf(path), from === undefined ? undefined : statOf(from)]);
  if (!target || !own || target.dev !== own.dev || target.ino !== own.ino) return;
  throw new OptionError(
    `${path}: is the original picture, which would be lost; give the annotated picture another name`,
    {
      path,
    },
  );
}

function pathOfPicture(picture: PlainPicture): string | undefined {
  const place = placeOf(picture, "picture");
  return place?.kind === "path" ? place.address : undefined;
}

/** Refuses to draw the boxes on a picture that has changed. */
async function refuseChanged(origin: Origin | undefined): Promise<void> {
  if (origin?.stamp === undefined) return;
  const stamp = await stampOf(origin.source);
  // A missing file is reported when it is read.
  if (stamp === undefined || stamp === origin.stamp) return;
  throw new ImageError(
    `${origin.source}: has changed since the result was made; run detect again, or pass the result's picture: result.save(path, { picture })`,
    { path: origin.source },
  );
}
