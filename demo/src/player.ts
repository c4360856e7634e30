/** Video files and the camera: frames go to the model as fast as it takes them, the newest first. */

import { box, button, showError } from "./dom.js";
import type { Stage } from "./stage.js";

export interface PlayerHandlers {
  /** A frame is on the screen; resolves when the model is ready for the next. */
  readonly onFrame: (video: HTMLVideoElement) => Promise<void>;
  readonly onStop: () => void;
}

async function cameras(): Promise<MediaDeviceInfo[]> {
  return (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
}

export class Player {
  private readonly video: HTMLVideoElement;
  private readonly stage: Stage;
  private readonly handlers: PlayerHandlers;
  private stream: MediaStream | undefined;
  private url: string | undefined;
  private facing: "user" | "environment" = "environment";
  private run = 0;

  constructor(stage: Stage, handlers: PlayerHandlers) {
    this.stage = stage;
    this.video = stage.video;
    this.handlers = handlers;
    button("pause").addEventListener("click", () => this.togglePause());
    button("flip").addEventListener("click", () => {
      this.switchCamera().catch(showError);
    });
  }

  get active(): boolean {
    return this.stream !== undefined || this.url !== undefined;
  }

  get isCamera(): boolean {
    return this.stream !== undefined;
  }

  async openFile(file: Blob): Promise<void> {
    this.stop();
    this.url = URL.createObjectURL(file);
    this.video.src = this.url;
    await this.play("This video cannot be played by your browser; MP4 with H.264 works everywhere.");
    button("pause").textContent = "Pause";
    button("pause").hidden = false;
  }

  /** The camera on the other side; where cameras have no sides, as on desks, the next one. */
  private async switchCamera(): Promise<void> {
    const before = this.deviceId;
    this.facing = this.facing === "user" ? "environment" : "user";
    await this.startCamera();
    if (this.deviceId !== before) return;
    const ids = (await cameras()).map(({ deviceId }) => deviceId);
    const next = ids[(ids.indexOf(before ?? "") + 1) % ids.length];
    if (next && next !== before) await this.startCamera({ deviceId: { exact: next } });
  }

  private get deviceId(): string | undefined {
    return this.stream?.getVideoTracks()[0]?.getSettings().deviceId;
  }

  /**
   * @param which default: the side that was chosen last
   * @throws Error with what to do when the camera cannot be had.
   */
  async startCamera(which: MediaTrackConstraints = { facingMode: this.facing }): Promise<void> {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("The camera needs a secure page (https or localhost) and a browser that offers one.");
    }
    this.stop();
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { ...which, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
    } catch (error) {
      const denied = error instanceof DOMException && error.name === "NotAllowedError";
      throw new Error(
        denied
          ? "The camera was not allowed. Allow it in the browser's address bar and try again."
          : "No camera could be opened. Is one connected, and free?",
        { cause: error },
      );
    }
    this.video.srcObject = this.stream;
    await this.play("The camera gives no picture.");
    button("flip").hidden = (await cameras()).length < 2;
    button("camera").setAttribute("aria-pressed", "true");
    box("camera-text").textContent = "Stop camera";
  }

  stop(): void {
    this.run++;
    const was = this.active;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
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
    if (was) this.handlers.onStop();
  }

  /** Runs the frame that a paused video shows. */
  async again(): Promise<void> {
    if (this.active && this.video.paused) await this.handlers.onFrame(this.video);
  }

  private async play(failure: string): Promise<void> {
    const run = ++this.run;
    try {
      await this.video.play();
    } catch (error) {
      if (run !== this.run) return;
      this.stop();
      throw new Error(failure, { cause: error });
    }
    this.stage.showVideo();
    void this.loop(run);
  }

  private async loop(run: number): Promise<void> {
    while (run === this.run) {
      await this.nextFrame();
      if (run !== this.run) return;
      if (!this.video.paused) await this.handlers.onFrame(this.video);
    }
  }

  /** The next frame on the screen; a timer too, for paused videos and tabs in the background. */
  private nextFrame(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.video.cancelVideoFrameCallback?.(handle);
        resolve();
      }, 250);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const handle = this.video.requestVideoFrameCallback?.(done) ?? requestAnimationFrame(done);
    });
  }

  private togglePause(): void {
    if (this.video.paused) void this.video.play();
    else this.video.pause();
    button("pause").textContent = this.video.paused ? "Play" : "Pause";
  }
}
