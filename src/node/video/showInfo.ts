/** What ffmpeg says while it decodes: the time of each frame (filter `showinfo`), and complaints. */

import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { plainComplaint } from "./ffmpeg.js";

const FRAME = /^\[Parsed_showinfo\S* @ [^\]]*\] \[info\] n: *\d+ .*?\bpts_time:(\S+)/;
const COMPLAINT = /\[(?:error|fatal|panic)\] (.*)$/;
/** More than this is said again and again. */
const MOST_COMPLAINTS = 3;

export class ShowInfo {
  /** The first few that differ. */
  readonly complaints: string[] = [];
  /** Of frames that are not yet asked for, in seconds. */
  private readonly times: number[] = [];
  private wake: (() => void) | undefined;
  private ended = false;

  /** @param stderr of an ffmpeg started with `-loglevel repeat+level+info`. */
  constructor(stderr: Readable) {
    const lines = createInterface({ input: stderr });
    lines.on("line", (line) => this.take(line));
    lines.on("close", () => {
      this.ended = true;
      this.wake?.();
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

  private take(line: string): void {
    const frame = FRAME.exec(line);
    if (frame) {
      this.times.push(Number(frame[1]));
      this.wake?.();
      return;
    }
    const complaint = plainComplaint(COMPLAINT.exec(line)?.[1] ?? "");
    if (complaint === "" || this.complaints.length >= MOST_COMPLAINTS || this.complaints.includes(complaint)) return;
    this.complaints.push(complaint);
  }
}
