/** Video files and the camera: opening, pausing, switching, and a callback for every displayed frame. */

import { box, button } from "../dom.js";
import type { Stage } from "../stage.js";

export interface PlayerHandlers {
  /** A frame was displayed. Not called while the page is hidden. */
  readonly onFrame: (video: HTMLVideoElement) => void;
  /** A video that does not loop came to its end. */
  readonly onEnd: () => void;
  /** The camera stopped by itself: it was unplugged, or its permission was revoked. */
  readonly onLost: () => void;
}

const VIDEO_FAILURE = "This video cannot be played by your browser; MP4 with H.264 works everywhere.";

async function cameras(): Promise<MediaDeviceInfo[]> {
  return (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
}

function cameraFailure(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") {
    return "The camera was not allowed. Allow it in the browser's address bar and try again.";
  }
  if (name === "NotFoundError") return "No camera was found. Connect one and try again.";
  return "The camera could not be opened. Is another program using it?";
}

function end(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

export class Player {
  private readonly video: HTMLVideoElement;
  private stream: MediaStream | undefined;
  private url: string | undefined;
  private facing: "user" | "environment" = "environment";
  private run = 0;

  constructor(
    private readonly stage: Stage,
    private readonly handlers: PlayerHandlers,
  ) {
    this.video = stage.video;
    button("pause").addEventListener("click", () => void this.togglePause());
    for (const event of ["play", "pause"]) this.video.addEventListener(event, () => this.labelPause());
    this.video.addEventListener("ended", () => {
      handlers.onEnd();
      // So that the boxes match the last frame.
      this.again();
    });
  }

  get active(): boolean {
    return this.stream !== undefined || this.url !== undefined;
  }

  get isCamera(): boolean {
    return this.stream !== undefined;
  }

  /** @throws Error with advice if the file cannot be played; nothing plays then. */
  async openFile(file: Blob, signal: AbortSignal): Promise<void> {
    this.stop();
    this.url = URL.createObjectURL(file);
    this.video.src = this.url;
    await this.play(VIDEO_FAILURE, signal);
    this.labelPause();
    button("pause").hidden = false;
  }

  /**
   * Whatever is playing continues until the camera is ready.
   * @param which default: the side chosen last.
   * @throws Error with advice if the camera is not available.
   */
  async startCamera(signal: AbortSignal, which: MediaTrackConstraints = { facingMode: this.facing }): Promise<void> {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("The camera needs a secure page (https or localhost) and a browser that supports it.");
    }
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { ...which, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
    } catch (error) {
      throw new Error(cameraFailure(error), { cause: error });
    }
    if (signal.aborted) {
      end(stream);
      throw signal.reason;
    }
    this.stop();
    this.stream = stream;
    stream.getVideoTracks()[0]?.addEventListener("ended", () => {
      if (this.stream === stream) this.handlers.onLost();
    });
    this.video.srcObject = stream;
    button("camera").setAttribute("aria-pressed", "true");
    box("camera-text").textContent = "Stop camera";
    await this.play("The camera delivers no picture.", signal);
    const several = (await cameras()).length > 1;
    if (this.stream === stream) button("flip").hidden = !several;
  }

  /** Switches to the camera on the other side, or to the next one if cameras have no sides, as on desktops. */
  async switchCamera(signal: AbortSignal): Promise<void> {
    const before = this.deviceId;
    this.facing = this.facing === "user" ? "environment" : "user";
    // Phones can only open one camera at a time.
    end(this.stream);
    try {
      await this.startCamera(signal);
      if (this.deviceId !== before) return;
      const ids = (await cameras()).map(({ deviceId }) => deviceId);
      const next = ids[(ids.indexOf(before ?? "") + 1) % ids.length];
      if (next && next !== before) await this.startCamera(signal, { deviceId: { exact: next } });
    } catch (error) {
      if (!signal.aborted) this.stop();
      throw error;
    }
  }

  stop(): void {
    this.run++;
    end(this.stream);
    this.stream = undefined;
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = undefined;
    this.video.pause();
    this.video.srcObject = null;
    this.video.removeAttribute("src");
    this.video.load();
    button("pause").hidden = true;
    button("flip").hidden = true;
    button("camera").setAttribute("aria-pressed", "false");
    box("camera-text").textContent = "Camera";
  }

  /** Whether a video begins again at its end. */
  loop(loop: boolean): void {
    this.video.loop = loop;
  }

  /** Processes a paused video's frame once more. */
  again(): void {
    if (this.active && this.video.paused) this.handlers.onFrame(this.video);
  }

  private get deviceId(): string | undefined {
    return this.stream?.getVideoTracks()[0]?.getSettings().deviceId;
  }

  private async play(failure: string, signal: AbortSignal): Promise<void> {
    const run = ++this.run;
    try {
      await this.video.play();
    } catch (error) {
      signal.throwIfAborted();
      const refused = error instanceof DOMException && error.name === "NotAllowedError";
      // Phones in power-saving mode do not autoplay: the video stays paused, and the button plays it.
      if (!(refused && this.url)) {
        this.stop();
        throw new Error(failure, { cause: error });
      }
    }
    if (signal.aborted) {
      if (run === this.run) this.stop();
      throw signal.reason;
    }
    this.stage.showVideo();
    this.watch(run);
  }

  private watch(run: number): void {
    const shown = (): void => {
      if (run !== this.run) return;
      if (!this.video.paused && !document.hidden) this.handlers.onFrame(this.video);
      this.watch(run);
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(shown);
    else requestAnimationFrame(shown);
  }

  private labelPause(): void {
    button("pause").textContent = this.video.paused ? "Play" : "Pause";
  }

  private async togglePause(): Promise<void> {
    if (this.video.paused) {
      await this.video.play().catch(() => undefined);
    } else {
      this.video.pause();
      // So that the boxes match the paused frame.
      this.again();
    }
  }
}
