/** Records what the stage shows, at the video's own size, as a video file. */

/** The first that the browser can write. */
const FORMATS = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];
/** Parts of a recording come this often, so that a crash of the encoder loses little. */
const PART_MS = 1000;
const BITS_PER_SECOND = 6e6;

export interface Recording {
  readonly blob: Blob;
  /** `webm` or `mp4`. */
  readonly extension: string;
}

export const canRecord = (): boolean =>
  typeof MediaRecorder === "function" && "captureStream" in HTMLCanvasElement.prototype;

export class Recorder {
  private recorder: MediaRecorder | undefined;
  private ended: Promise<Recording> | undefined;
  private readonly canvas = document.createElement("canvas");
  private started = 0;

  get active(): boolean {
    return this.recorder !== undefined;
  }

  get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }

  /** @throws Error if this browser can write no video. */
  start(): void {
    const type = FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
    if (!type) throw new Error("This browser cannot record video.");
    // A context first: a canvas without one has no stream.
    this.canvas.getContext("2d");
    const recorder = new MediaRecorder(this.canvas.captureStream(), {
      mimeType: type,
      videoBitsPerSecond: BITS_PER_SECOND,
    });
    const parts: Blob[] = [];
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    this.ended = new Promise((resolve) => {
      recorder.addEventListener("stop", () => {
        const [plain] = type.split(";");
        resolve({ blob: new Blob(parts, { type: plain }), extension: plain.split("/")[1] });
      });
    });
    this.recorder = recorder;
    this.started = performance.now();
  }

  /** Adds a frame. @param compose draws it on a canvas and sets its size. */
  add(compose: (canvas: HTMLCanvasElement) => void): void {
    const { recorder } = this;
    if (!recorder) return;
    compose(this.canvas);
    // Not before the first frame, which gives the video its size.
    if (recorder.state === "inactive") recorder.start(PART_MS);
  }

  /** @returns the file; undefined if there was no frame. */
  async stop(): Promise<Recording | undefined> {
    const { recorder, ended } = this;
    this.recorder = undefined;
    if (!recorder || recorder.state === "inactive") return undefined;
    recorder.stop();
    for (const track of recorder.stream.getTracks()) track.stop();
    return ended;
  }
}
