/** What a run saves: annotated pictures and videos, label files, crops. No path is written twice. */

import { appendFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { encodeJpeg, type Font, loadFont, type RgbImage } from "../../image/index.js";
import { outputError } from "../../node/files/systemReason.js";
import { makeFolder, writeAtomically } from "../../node/files/writeFile.js";
import type { LiveServer } from "../../node/live/liveServer.js";
import type { WrittenFormat } from "../../node/pictures/savePicture.js";
import { SegmentWriter } from "../../node/video/segments.js";
import { VideoWriter, type VideoWriterOptions } from "../../node/video/writeVideo.js";
import type { Result } from "../../yolov5/model.js";
import { fileNameOf, safeName, splitName } from "../files/fileNames.js";
import type { SaveFolder } from "../files/runFolder.js";
import { RunPaths } from "../files/runPaths.js";
import { type SourceFiles, SourceFilesLog } from "../files/sourceFiles.js";
import { LabelFiles } from "./labels/labelFiles.js";
import { type Crop, cropsOf, draw, type Extras, type Finished, type FinishOptions, linesOf } from "./work/finish.js";

export interface SaveOptions extends Omit<FinishOptions, "json" | "imageFormat"> {
  readonly folder: SaveFolder;
  readonly font: Font | undefined;
  /** Of the model's classes. */
  readonly names: readonly string[];
  /** Receives frames to show as they come. */
  readonly view: Pick<LiveServer, "show" | "watching"> | undefined;
  /** Videos are written in files of this length; undefined: in one. */
  readonly segmentSeconds: number | undefined;
}

/** The facts of a video for naming and timing its files; `fps` is that of the source. */
interface VideoFacts {
  readonly source: string;
  readonly live: boolean;
  readonly stride: number;
  readonly fps: number;
}

/** The files of one video. */
export interface VideoSaver {
  readonly writer: Pick<VideoWriter, "path" | "finish"> | undefined;
  /** Never throws: the first failure is kept as `problem`, and the rest is still written. */
  readonly save: (image: RgbImage, result: Result, extras: Extras) => Promise<void>;
  readonly problem: unknown;
}

export class Saver {
  private readonly options: SaveOptions;
  private folder: string | undefined;
  private font: Font | undefined;
  private readonly paths: RunPaths;
  private readonly log: SourceFilesLog | undefined;
  private readonly labelFiles: LabelFiles;
  /** The crop folder of each class; names that would collide get separate folders. */
  private readonly classFolders = new Map<string, string>();

  /** @param sources paths that the run reads. */
  constructor(options: SaveOptions, sources: readonly string[]) {
    this.options = options;
    this.paths = new RunPaths(sources);
    this.labelFiles = new LabelFiles(options.formats, options.names, sources, this.paths);
    this.log = options.folder.listsFiles ? new SourceFilesLog() : undefined;
  }

  /** The run's folder; undefined until something is written. */
  get savedTo(): string | undefined {
    return this.folder === undefined ? undefined : this.options.folder.finalPath(this.folder);
  }

  /** The files of each source, in the order of the sources, if they are listed. */
  get sourceFiles(): readonly SourceFiles[] | undefined {
    return this.log?.entries;
  }

  /**
   * Writes a picture's files, each whole or not at all. A failure does not prevent the others from being written.
   * @throws OutputError for the first failure.
   */
  async write(source: string, { labels: lines, crops, labelled, format, picture }: Finished): Promise<void> {
    const { options } = this;
    if (!this.writes) return;
    const folder = await this.open();
    const { stem: name, ending: own } = splitName(fileNameOf(source));
    const ending = keptEnding(own, format) ?? `.${format}`;
    const labels = join(folder, "labels");
    const places = [
      ...(options.pictures ? [{ folder, ending }] : []),
      ...(options.labels ? [{ folder: labels, ending: ".txt" }] : []),
    ];
    const stem = this.paths.claim(name || "picture", places);
    const wrote = this.log?.begin(folder, name || "picture", stem, places);
    const problems = new Problems();
    if (options.labels) await problems.of(this.saveLabels(join(labels, `${stem}.txt`), lines, wrote));
    await this.saveCrops(folder, stem, crops, { problems, wrote });
    if (labelled) await problems.of(this.labelFiles.addPicture(folder, source, labelled));
    if (picture) await problems.of(save(join(folder, stem + ending), picture, wrote));
    if (problems.first !== undefined) throw problems.first;
  }

  /**
   * Opens the outputs of a video: an MP4 file for its frames, and the common prefix of its label files and crops.
   * Undefined if no output is requested.
   */
  async openVideo(
    { source, live, stride, fps }: VideoFacts,
    video: VideoWriterOptions,
  ): Promise<VideoSaver | undefined> {
    const { options, paths } = this;
    const { view } = options;
    if (!this.writes && !view) return undefined;
    const folder = this.writes ? await this.open() : "";
    const name = live
      ? safeName(source.replace(/^\/dev\/|:\/\//g, "_").replace(/^_/, ""), "stream")
      : splitName(fileNameOf(source)).stem;
    const places = [{ folder, ending: ".mp4" }];
    const stem = paths.claim(name || "video", places);
    const wrote = this.log?.begin(folder, name || "video", stem, places);
    const writer = options.pictures ? await this.openWriter(join(folder, `${stem}.mp4`), video) : undefined;
    if (writer) wrote?.(writer.path);
    const problems = new Problems();
    const labels = this.labelFiles.openVideo(folder, source, { stem, fps, stride });
    return {
      writer,
      get problem() {
        return problems.first;
      },
      save: async (image, result, extras) => {
        // Before the frame is drawn on.
        const crops = options.crops ? cropsOf(image, result) : [];
        // Started before anything is awaited, so that every counted frame is in the file, even after Ctrl-C.
        const shown = writer || view?.watching;
        const drawn = options.bare || !shown ? image : this.draw(image, result, extras);
        const written = writer && problems.of(writer.write(drawn));
        view?.show(drawn);
        if (options.labels) {
          const path = paths.claimFile(join(folder, "labels"), `${stem}_${result.frame}`, ".txt");
          await problems.of(this.saveLabels(path, linesOf(result, options.confidences), wrote));
        }
        const encoded = crops.map((crop) => ({ ...crop, picture: encodeJpeg(crop.picture) }));
        await this.saveCrops(folder, stem, encoded, { problems, wrote });
        if (this.labelFiles.wanted) await problems.of(labels.add(result));
        await written;
      },
    };
  }

  private async openWriter(path: string, video: VideoWriterOptions): Promise<VideoWriter | SegmentWriter> {
    const { segmentSeconds } = this.options;
    if (segmentSeconds === undefined) return VideoWriter.open(path, video);
    return new SegmentWriter(path, segmentSeconds, { ...video, sound: undefined });
  }

  /** Writes the files that cover the whole run. @throws OutputError. */
  async complete(): Promise<void> {
    if (this.folder !== undefined) await this.labelFiles.write(this.folder);
  }

  /** Writes a further file of the run, or of one of its sources, and returns its path. @throws OutputError. */
  async writeFile(stem: string, ending: string, bytes: Uint8Array): Promise<string> {
    const path = this.paths.claimFile(await this.open(), safeName(stem, "result"), ending);
    await writeAtomically(path, bytes);
    return path;
  }

  private async open(): Promise<string> {
    this.folder ??= await this.options.folder.open();
    return this.folder;
  }

  private draw(image: RgbImage, result: Result, extras: Extras): RgbImage {
    // Read once per run: for a video this saves a few milliseconds per frame.
    this.font ??= this.options.font ?? loadFont();
    return draw(image, result, { ...this.options, ...extras, font: this.font });
  }

  private get writes(): boolean {
    return this.options.pictures || this.options.labels || this.options.crops || this.labelFiles.wanted;
  }

  /** Number of label files in the run's folder. */
  async labelCount(): Promise<number> {
    if (!this.folder || !this.options.labels) return 0;
    const names = await readdir(join(this.folder, "labels")).catch((): string[] => []);
    return names.filter((name) => name.endsWith(".txt")).length;
  }

  /** Appends to an existing file, as detect.py does. */
  private async saveLabels(path: string, lines: readonly string[], wrote: Wrote): Promise<void> {
    try {
      await makeFolder(join(path, ".."));
      if (lines.length === 0) return;
      await appendFile(path, `${lines.join("\n")}\n`);
      wrote?.(path);
    } catch (error) {
      throw outputError(path, error);
    }
  }

  private async saveCrops(
    folder: string,
    stem: string,
    crops: readonly Crop[],
    { problems, wrote }: { readonly problems: Problems; readonly wrote: Wrote },
  ): Promise<void> {
    for (const { picture, name, class: index } of crops) {
      const own = this.classFolder(join(folder, "crops"), name, index);
      await problems.of(save(this.paths.claimFile(own, stem, ".jpg", ""), picture, wrote));
    }
  }

  private classFolder(crops: string, name: string, index: number): string {
    const known = this.classFolders.get(name);
    if (known !== undefined) return known;
    const folder = this.paths.claimFile(crops, safeName(name, `class${index}`), "");
    this.classFolders.set(name, folder);
    return folder;
  }
}

/** Takes the paths of files that were written. */
type Wrote = ((path: string) => void) | undefined;

async function save(path: string, bytes: Uint8Array, wrote: Wrote): Promise<void> {
  await writeAtomically(path, bytes);
  wrote?.(path);
}

/** Keeps the first of several failures while the work continues. */
class Problems {
  first: unknown;

  async of(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.first ??= error;
    }
  }
}

/** Keeps `.JPG` and `.jpeg` if the format stays the same. */
function keptEnding(own: string, format: WrittenFormat): string | undefined {
  const same = format === "jpg" ? /^\.jpe?g$/i : /^\.png$/i;
  return same.test(own) ? own : undefined;
}
