/** What ffmpeg says while it decodes: the time of each frame (filter `showinfo`), and complaints. */

import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { plainComplaint } from "./ffmpeg.js";

const FRAME = /^\[Parsed_showinfo\S* @ [^\]]*\] \[info\] n: *\d+ .*?\bpts_time:(\S+)/;
const COMPLAINT = /\[(?:error|fatal|panic)\] (.*)$/;
/** More than this is said again and again. */
const MOST_COMPLAINTS = 3;

/** What was said in all. */
export interface SaidInAll {
  /** The first few complaints that differ. */
  readonly complaints: readonly string[];
  /** How many frames were decoded. */
  readonly frames: number;
}

export class ShowInfo {
  private readonly complaints: string[] = [];
  private frames = 0;
  /** Of frames that are not yet asked for, in seconds. */
  private readonly times: number[] = [];
  private readonly over: Promise<void>;
  private wake: (() => void) | undefined;
  private ended = false;

  /** @param stderr of an ffmpeg started with `-loglevel repeat+level+info`. */
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

  /** Time of the next frame in seconds; undefined where the stream has none. Ask once for each frame. */
  async nextTime(): Promise<number | undefined> {
    while (this.times.length === 0 && !this.ended) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const time = this.times.shift();
    return Number.isFinite(time) ? time : undefined;
  }

  /** Settles when ffmpeg will say nothing more. */
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
