/** A video in files of limited length, for sources without an end. */

import { extname } from "node:path";
import type { RgbImage } from "../../image/index.js";
import { VideoWriter, type VideoWriterOptions } from "./writeVideo.js";

/** Writes frames as `name_001.mp4`, `name_002.mp4`, … of so many seconds each. Every file is whole as soon as the next one begins. */
export class SegmentWriter {
  /** The file that is being written, or the last one. */
  path: string;
  private readonly base: string;
  private readonly seconds: number;
  private readonly options: VideoWriterOptions;
  private writer: VideoWriter | undefined;
  private started = 0;
  private number = 0;
  private ended = false;
  private opening: Promise<void> = Promise.resolve();
  private closing: Promise<void> = Promise.resolve();

  /** @param path of the whole, to which numbers are added. */
  constructor(path: string, seconds: number, options: VideoWriterOptions) {
    this.base = path.slice(0, path.length - extname(path).length);
    this.path = path;
    this.seconds = seconds;
    this.options = options;
  }

  /** @throws VideoError, also for the file before. */
  async write(frame: RgbImage): Promise<void> {
    if (this.ended) return;
    if (this.writer && this.isFull(this.writer)) {
      await this.closing;
      this.endFile();
    }
    if (!this.writer) {
      this.number++;
      this.path = `${this.base}_${String(this.number).padStart(3, "0")}.mp4`;
      this.opening = VideoWriter.open(this.path, this.options).then((writer) => {
        this.writer = writer;
      });
      await this.opening;
      this.started = performance.now();
    }
    await this.writer?.write(frame);
  }

  /** Completes the last file. */
  async finish(): Promise<void> {
    this.ended = true;
    // The frame for which it is opened comes first.
    await this.opening.catch(() => undefined);
    this.endFile();
    await this.closing;
  }

  /** Live frames count by the clock, those of a file by their rate. */
  private isFull({ frames }: VideoWriter): boolean {
    const { live, rate } = this.options;
    const [over, under = "1"] = rate.split("/");
    const seconds = live ? (performance.now() - this.started) / 1000 : (frames * Number(under)) / Number(over);
    return seconds >= this.seconds;
  }

  /** The next file does not wait for this one, and neither does a second call. */
  private endFile(): void {
    const { writer, closing } = this;
    this.writer = undefined;
    if (!writer) return;
    this.closing = Promise.all([closing, writer.finish()]).then(() => undefined);
    // Thrown when the next file ends.
    this.closing.catch(() => undefined);
  }
}
