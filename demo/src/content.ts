/** What is on the stage: a picture, a video file or the camera; and the sample of each kind. */

import type { Busy } from "./busy.js";
import type { Counting } from "./count/counting.js";
import { showError } from "./dom.js";
import { decoded } from "./files.js";
import { CLIP_FIGURES, fetchSample } from "./samples.js";
import type { Settings } from "./settings/settings.js";
import type { View } from "./settings/view.js";
import type { Showing } from "./showing.js";
import type { Stage } from "./stage.js";
import type { Live } from "./video/live.js";
import type { Player } from "./video/player.js";
import type { RecordButton } from "./video/recordButton.js";

export interface ContentParts {
  readonly busy: Busy;
  readonly stage: Stage;
  readonly settings: Settings;
  readonly view: View;
  readonly counting: Counting;
  readonly recording: RecordButton;
  readonly player: Player;
  readonly live: Live;
  readonly showing: Showing;
}

export interface ContentHandlers {
  /** Runs an action of this kind, which supersedes older ones. */
  readonly run: (act: (signal: AbortSignal) => Promise<void>) => Promise<void>;
  /** The network is to look at the picture. */
  readonly onPicture: () => Promise<void>;
  /** A video has come: what the network is doing with a picture is no longer wanted. */
  readonly onVideo: () => void;
}

export class Content {
  private shown: Blob | undefined;
  private clip = false;

  constructor(
    private readonly parts: ContentParts,
    private readonly handlers: ContentHandlers,
  ) {}

  /** The picture shown last, also while a video plays. */
  get picture(): Blob | undefined {
    return this.shown;
  }

  get isClip(): boolean {
    return this.clip;
  }

  async openSample(signal: AbortSignal): Promise<void> {
    await this.openPicture(await fetchSample("picture", signal), signal);
  }

  /** Without lines or zones of the visitor's, there is one. */
  async openClip(signal: AbortSignal): Promise<void> {
    const { busy, counting } = this.parts;
    const clip = await busy.during("Loading the clip…", () => fetchSample("clip", signal));
    if (counting.figuresDrawn.length === 0) counting.set(CLIP_FIGURES);
    await this.openVideo(clip, signal);
    this.clip = true;
  }

  async openPicture(file: Blob, signal: AbortSignal): Promise<void> {
    const bitmap = await decoded(file);
    if (!signal.aborted) {
      this.leaveVideo();
      this.shown = file;
      this.parts.stage.showPicture(bitmap);
    }
    bitmap.close();
    signal.throwIfAborted();
    this.parts.showing.still(undefined);
    await this.handlers.onPicture();
  }

  async openVideo(file: Blob, signal: AbortSignal): Promise<void> {
    await this.orPicture(() => this.parts.player.openFile(file, signal));
    this.enterVideo();
  }

  async toggleCamera(signal: AbortSignal): Promise<void> {
    const { player, busy } = this.parts;
    if (player.isCamera) {
      player.stop();
      return this.backToPicture();
    }
    await busy.during("Waiting for the camera…", () => this.orPicture(() => player.startCamera(signal)));
    this.enterVideo();
  }

  async switchCamera(signal: AbortSignal): Promise<void> {
    await this.orPicture(() => this.parts.player.switchCamera(signal));
  }

  /** The picture comes back. */
  endVideo(error?: unknown): void {
    void this.handlers.run(() => this.backToPicture());
    if (error !== undefined) showError(error);
  }

  /** A page in the back/forward cache must not keep the camera's light on. */
  listenForLeaving(): void {
    const { player, stage } = this.parts;
    addEventListener("pagehide", () => {
      if (player.isCamera) player.stop();
    });
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted && stage.showsVideo && !player.active) this.endVideo();
    });
  }

  private enterVideo(): void {
    const { recording, live, counting, showing, player } = this.parts;
    this.handlers.onVideo();
    this.clip = false;
    recording.stop();
    live.restart();
    this.forVideo(true);
    counting.restart();
    showing.nothing();
    player.again();
  }

  private leaveVideo(): void {
    const { recording, live, player } = this.parts;
    recording.stop();
    player.stop();
    this.clip = false;
    live.restart();
    this.forVideo(false);
  }

  private forVideo(video: boolean): void {
    const { settings, view, counting, recording, stage } = this.parts;
    settings.forVideo(video);
    view.forVideo(video);
    counting.forVideo(video && settings.trackable);
    recording.offer(video);
    stage.cover(video && view.look.blur !== undefined);
  }

  /** If opening a video fails after the previous one was closed, the picture comes back. */
  private async orPicture(open: () => Promise<void>): Promise<void> {
    const { stage, player } = this.parts;
    try {
      await open();
    } catch (error) {
      if (stage.showsVideo && !player.active) this.endVideo(error);
      throw error;
    }
  }

  private async backToPicture(): Promise<void> {
    if (!this.shown) return this.handlers.run((signal) => this.openSample(signal));
    this.leaveVideo();
    this.parts.stage.backToPicture();
    this.parts.showing.still(undefined);
    await this.handlers.onPicture();
  }
}
