/**
 * Pictures that know where they came from, for `result.save`: a path or an address and how the file looked, no pixels. A
 * result of a picture from memory keeps nothing of it.
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

/** Where a picture can be read again. */
interface Origin {
  /** An absolute path, or an address with its password. */
  readonly source: string;
  /** Of a file: changes when it does. */
  readonly stamp?: string | undefined;
}

/**
 * Reads what `detect` takes, in such a way that the result can be saved.
 * @throws ImageError, DownloadError naming the source.
 */
export async function readWithSaver(source: PictureSource, options: ReadPictureOptions): Promise<Picture> {
  const place = placeOf(source, "picture");
  // Memory is read at once: its owner may use it again when this call has returned.
  if (!place) return { ...(await readPictureSource(source, options)), saver: saverOf(undefined, options.maxPixels) };
  const origin = await originOf(place);
  const picture = await readPictureSource(source, options);
  return { ...picture, saver: saverOf(origin, options.maxPixels) };
}

async function originOf(place: Place): Promise<Origin | undefined> {
  if (place.kind === "remote") return { source: place.address };
  if (place.kind !== "path") return undefined;
  const path = resolve(place.address);
  return { source: path, stamp: await stampOf(path) };
}

/** Which file it is and when it was changed. */
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
        `${file.path}: the result's picture came from memory, which the result does not keep; give it: result.save(path, { picture })`,
      );
    }
    await refuseItself(file.path, given);
    if (options.picture === undefined) await refuseChanged(origin);
    const { image } = await readPictureSource(given, { maxPixels: options.maxPixels ?? maxPixels, signal });
    if (image.width !== result.width || image.height !== result.height) {
      throw new ImageError(
        `${typeof given === "string" ? nameOfAddress(given) : "the picture"}: has ${image.width}×${image.height} pixels, the result is of ${result.width}×${result.height}; detect in it again, or give the result's picture: result.save(path, { picture })`,
      );
    }
    const drawn = await drawWithFont(image, result, options);
    throwIfAborted(signal);
    await file.write(drawn);
  };
  return (result, path, options) =>
    untilAborted(signalOf(options?.signal), (signal) => save(result, path, { ...options, signal }));
}

/** The picture itself would be lost. */
async function refuseItself(path: string, picture: PlainPicture): Promise<void> {
  const from = pathOfPicture(picture);
  const [target, own] = await Promise.all([statOf(path), from === undefined ? undefined : statOf(from)]);
  if (!target || !own || target.dev !== own.dev || target.ino !== own.ino) return;
  throw new OptionError(`${path}: is the picture itself, which would be lost; give the annotated one another name`, {
    path,
  });
}

function pathOfPicture(picture: PlainPicture): string | undefined {
  const place = placeOf(picture, "picture");
  return place?.kind === "path" ? place.address : undefined;
}

/** The boxes would be drawn on another picture. */
async function refuseChanged(origin: Origin | undefined): Promise<void> {
  if (origin?.stamp === undefined) return;
  const stamp = await stampOf(origin.source);
  // What is gone is told when it is read.
  if (stamp === undefined || stamp === origin.stamp) return;
  throw new ImageError(
    `${origin.source}: has changed since the result was made; detect in it again, or give the result's picture: result.save(path, { picture })`,
    { path: origin.source },
  );
}
