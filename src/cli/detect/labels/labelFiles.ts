/** `--save-coco`, `--save-voc`, `--save-cvat`, `--save-labelstudio`: the results of a run in the formats of labelling tools. */

import { dirname, join, relative, resolve, sep } from "node:path";
import { isHttp } from "../../../api/address.js";
import { makeFolder, writeAtomically } from "../../../node/files/writeFile.js";
import { printableJson } from "../../../printable.js";
import {
  cocoLabels,
  cvatImages,
  cvatVideo,
  type LabelledFrame,
  type LabelledObject,
  type LabelledPicture,
  type LabelledVideo,
  labelledObjects,
  labelStudioImages,
  labelStudioInterface,
  labelStudioVideo,
  vocLabels,
} from "../../../yolov5/labels/index.js";
import type { Result } from "../../../yolov5/model.js";
import { fileNameOf, splitName } from "../../files/fileNames.js";
import type { RunPaths } from "../../files/runPaths.js";

export type LabelFormat = "coco" | "voc" | "cvat" | "labelStudio";

/** The parts of a result that go into label files. */
export function labelsOf(result: Result): readonly LabelledObject[] {
  return result.task === "classify" ? [] : labelledObjects(result);
}

/** Frames of one video, as they come. */
export interface VideoLabels {
  readonly add: (result: Result) => Promise<void>;
}

/** A video, and the name of its files. */
interface NamedVideo {
  readonly stem: string;
  readonly video: LabelledVideo;
}

export interface VideoFacts {
  readonly stem: string;
  readonly fps: number;
  readonly stride: number;
}

export class LabelFiles {
  private readonly formats: ReadonlySet<LabelFormat>;
  private readonly names: readonly string[];
  private readonly paths: RunPaths;
  private readonly root: string;
  private readonly pictures: LabelledPicture[] = [];
  /** COCO and VOC have no videos, so frames are pictures `<stem>_<frame>.jpg` there. */
  private readonly frames: LabelledPicture[] = [];
  private readonly videos: NamedVideo[] = [];

  /**
   * @param names of the model's classes.
   * @param sources of the run; file names are relative to the folder that holds all of them.
   */
  constructor(formats: readonly LabelFormat[], names: readonly string[], sources: readonly string[], paths: RunPaths) {
    this.formats = new Set(formats);
    this.names = names;
    this.paths = paths;
    this.root = commonFolder(sources.filter((source) => !isHttp(source)));
  }

  get wanted(): boolean {
    return this.formats.size > 0;
  }

  /** @throws OutputError. */
  async addPicture(folder: string, source: string, found: Omit<LabelledPicture, "fileName">): Promise<void> {
    const picture = { ...found, fileName: this.fileName(source) };
    this.pictures.push(picture);
    await this.writeVoc(folder, picture);
  }

  /** @param fps frames per second of the source, of which every `stride`-th is used. */
  openVideo(folder: string, source: string, { stem, fps, stride }: VideoFacts): VideoLabels {
    const frames: LabelledFrame[] = [];
    return {
      add: async (result) => {
        const { width, height, frame = 1, time = 0 } = result;
        const objects = labelsOf(result);
        if (this.byObject && frames.length === 0) {
          this.videos.push({ stem, video: { fileName: this.fileName(source), width, height, fps, stride, frames } });
        }
        // Streams have no end.
        if (this.byObject) frames.push({ frame: frame * stride - 1, time, objects });
        const picture = { fileName: `${stem}_${frame}.jpg`, width, height, objects };
        if (this.formats.has("coco")) this.frames.push(picture);
        await this.writeVoc(folder, picture);
      },
    };
  }

  /** Formats that have videos. */
  private get byObject(): boolean {
    return this.formats.has("cvat") || this.formats.has("labelStudio");
  }

  /** Writes the files that hold the whole run. @throws OutputError. */
  async write(folder: string): Promise<void> {
    const { formats, names, pictures, frames, videos } = this;
    if (formats.has("coco")) await writeJson(join(folder, "coco.json"), cocoLabels([...pictures, ...frames], names));
    // A run that found nothing writes its files too.
    const stills = pictures.length > 0 || videos.length === 0;
    if (formats.has("cvat")) {
      if (stills) await writeText(join(folder, "cvat.xml"), cvatImages(pictures, names));
      for (const { stem, video } of videos) await writeText(join(folder, `${stem}.cvat.xml`), cvatVideo(video, names));
    }
    if (!formats.has("labelStudio")) return;
    if (stills) {
      const objects = pictures.flatMap((picture) => picture.objects);
      const outlines = objects.some(({ polygons }) => polygons !== undefined);
      const keypoints = objects.find((object) => object.keypoints)?.keypoints?.length ?? 0;
      await writeJson(join(folder, "labelstudio.json"), labelStudioImages(pictures));
      const text = labelStudioInterface(names, { video: false, outlines, keypoints });
      await writeText(join(folder, "labelstudio.xml"), text);
    }
    if (videos.length === 0) return;
    const tasks = videos.map(({ video }) => labelStudioVideo(video));
    await writeJson(join(folder, "labelstudio-videos.json"), tasks);
    const text = labelStudioInterface(names, { video: true, outlines: false, keypoints: 0 });
    await writeText(join(folder, "labelstudio-videos.xml"), text);
  }

  private async writeVoc(folder: string, picture: LabelledPicture): Promise<void> {
    if (!this.formats.has("voc")) return;
    const annotations = join(folder, "Annotations");
    await makeFolder(annotations);
    const name = picture.fileName.slice(picture.fileName.lastIndexOf("/") + 1);
    await writeText(this.paths.claimFile(annotations, splitName(name).stem, ".xml"), vocLabels(picture));
  }

  private fileName(source: string): string {
    if (isHttp(source)) return fileNameOf(source);
    return relative(this.root, resolve(source)).split(sep).join("/") || fileNameOf(source);
  }
}

/** The deepest folder that holds all files. */
function commonFolder(files: readonly string[]): string {
  const [first = ".", ...others] = files.map((file) => dirname(resolve(file)));
  let folder = first;
  for (const other of others) {
    const within = (parent: string): boolean =>
      other === parent || other.startsWith(parent.endsWith(sep) ? parent : parent + sep);
    while (!within(folder) && dirname(folder) !== folder) folder = dirname(folder);
  }
  return folder;
}

const writeText = (path: string, text: string): Promise<void> => writeAtomically(path, text);
const writeJson = (path: string, value: unknown): Promise<void> => writeText(path, `${printableJson(value, 1)}\n`);
