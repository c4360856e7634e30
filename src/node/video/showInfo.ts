/** Parses ffmpeg's log while it decodes: the time of each frame (filter `showinfo`), and error messages. */

import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { plainComplaint } from "./ffmpeg.js";

const FRAME = /^\[Parsed_showinfo\S* @ [^\]]*\] \[info\] n: *\d+ .*?\bpts_time:(\S+)/;
const COMPLAINT = /\[(?:error|fatal|panic)\] (.*)$/;
/** Further messages tend to be repetitions. */
const MOST_COMPLAINTS = 3;

/** Summary of the log. */
export interface SaidInAll {
  /** The first few distinct error messages. */
  readonly complaints: readonly string[];
  /** Number of frames decoded. */
  readonly frames: number;
}

export class ShowInfo {
  private readonly complaints: string[] = [];
  private frames = 0;
  /** Times of frames not yet consumed, in seconds. */
  private readonly times: number[] = [];
  private readonly over: Promise<void>;
  private wake: (() => void) | undefined;
  private ended = false;

  /** @param stderr of an ffmpeg process started with `-loglevel repeat+level+info`. */
  constructor(stderr: Readable) {
    createInterface({ input: stderr }).on("line", (line) => this.take(line));
    this.over = new Promise((resolve) => {
      stderr.once("close", () => {
        this.ended = true;
        this.wake?.();
        resolve();
      });
    });
  }

  /** Time of the next frame in seconds; undefined if the stream has none. Call once per frame. */
  async nextTime(): Promise<number | undefined> {
    while (this.times.length === 0 && !this.ended) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const time = this.times.shift();
    return Number.isFinite(time) ? time : undefined;
  }

  /** Resolves when the log ends. */
  async all(): Promise<SaidInAll> {
    await this.over;
    const { complaints, frames } = this;
    return { complaints, frames };
  }

  private take(line: string): void {
    const frame = FRAME.exec(line);
    if (frame) {
      this.frames++;
      this.times.push(Number(frame[1]));
      this.wake?.();
      return;
    }
    const complaint = plainComplaint(COMPLAINT.exec(line)?.[1] ?? "");
    if (complaint === "" || this.complaints.length >= MOST_COMPLAINTS || this.complaints.includes(complaint)) return;
    this.complaints.push(complaint);
  }
}
