/** The demo page: a model, a picture or a video, and the result on top. */

import type { Result, Trail } from "yolov5-ts";
import samplePicture from "../../examples/codes.png?url";
import { Busy } from "./busy.js";
import { box, button, byId, clearError, input, showError } from "./dom.js";
import { listenForFiles } from "./files.js";
import { isolate, keepFiles } from "./start/isolation.js";
import { Lane } from "./lane.js";
import { Live } from "./video/live.js";
import { EMBEDDED, ModelChooser, type Weights, weightsAt } from "./modelChooser.js";
import { showProfile, showResult, showTimes } from "./panels.js";
import { Player } from "./video/player.js";
import { download, json, labelText } from "./save.js";
import { Session } from "./session.js";
import { Settings } from "./settings.js";
import { Stage } from "./stage.js";

/** A list that changes with every frame of a video can be neither read nor clicked. */
const LIST_MS = 200;

class Page {
  private readonly lanes = { model: new Lane(), content: new Lane(), compute: new Lane(), other: new Lane() };
  private readonly busy = new Busy();
  private readonly stage = new Stage();
  private readonly session = new Session();
  private readonly settings = new Settings({
    onThresholds: () => this.rethreshold(),
    onTracking: () => {
      this.live.follow();
      this.player.again();
    },
    onSize: () => void this.run("compute", (signal) => this.detect(signal)),
  });
  private readonly player = new Player(this.stage, {
    onFrame: (video) => void this.live.take(video),
    onLost: () => this.endVideo(new Error("The camera stopped: it was unplugged, or its permission was revoked.")),
  });
  private readonly live = new Live(this.session, this.settings, {
    onResult: (result, fps, trails) => this.show(result, fps, trails),
    onError: (error) => this.endVideo(error),
  });
  private readonly chooser: ModelChooser;
  private picture: Blob | undefined;
  private result: Result | undefined;
  private listed = 0;

  constructor(oneThread: string | undefined) {
    this.chooser = new ModelChooser(this.session, this.busy, oneThread);
  }

  start(): void {
    document.body.dataset.started = "";
    const open = (weights: Weights): Promise<void> => this.run("model", (signal) => this.open(weights, signal));
    listenForFiles({
      onModel: (file) => void open({ source: file, title: file.name }),
      onPicture: (file) => void this.run("content", (signal) => this.openPicture(file, signal)),
      onVideo: (file) => void this.run("content", (signal) => this.openVideo(file, signal)),
    });
    const click = (id: string, lane: keyof Page["lanes"], act: (signal: AbortSignal) => Promise<void>): void =>
      button(id).addEventListener("click", () => void this.run(lane, act));
    click("sample", "content", (signal) => this.openSample(signal));
    click("camera", "content", (signal) => this.toggleCamera(signal));
    click("flip", "content", (signal) => this.orPicture(() => this.player.switchCamera(signal)));
    click("profile", "other", () => this.profile());
    click("copy", "other", () => this.copy());
    click("png", "other", async () => download(await this.stage.toPng(), "yolov5.png"));
    click("txt", "other", async () => {
      if (this.result) download(new Blob([labelText(this.result)], { type: "text/plain" }), "yolov5.txt");
    });
    button("alert-close").addEventListener("click", clearError);
    button("embedded").addEventListener("click", () => void open(EMBEDDED));
    byId("backend", HTMLSelectElement).addEventListener("change", () => void open(this.chooser.weights));
    byId("url-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void open(weightsAt(input("url").value));
    });
    this.listenForLeaving();
    const sample = this.run("content", (signal) => this.openSample(signal));
    void Promise.all([open(EMBEDDED), sample]).then(() => keepFiles([EMBEDDED.source, samplePicture]));
  }

  /** A page in the back/forward cache must not keep the camera's light on. */
  private listenForLeaving(): void {
    addEventListener("pagehide", () => {
      if (this.player.isCamera) this.player.stop();
    });
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted && this.stage.showsVideo && !this.player.active) this.endVideo();
    });
  }

  /** Runs an action and shows any error, unless a newer action in its lane has replaced it. */
  private async run(lane: keyof Page["lanes"], act: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const signal = this.lanes[lane].begin();
    clearError();
    try {
      await act(signal);
    } catch (error) {
      if (!signal.aborted) showError(error);
    }
  }

  private async open(weights: Weights, signal: AbortSignal): Promise<void> {
    const cancel = (): void => {
      this.lanes.model.begin();
      this.chooser.revert();
    };
    const { model, changed } = await this.chooser.open(weights, this.settings.imgsz, signal, cancel);
    if (changed) this.settings.adopt(model);
    await this.detect(this.lanes.compute.begin());
  }

  private async openSample(signal: AbortSignal): Promise<void> {
    let sample: Blob;
    try {
      const answer = await fetch(samplePicture, { signal });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      sample = await answer.blob();
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(
        "The sample picture could not be fetched. Check the connection, or open one of your own pictures.",
        {
          cause: error,
        },
      );
    }
    await this.openPicture(sample, signal);
  }

  private async openPicture(file: Blob, signal: AbortSignal): Promise<void> {
    let bitmap: ImageBitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      const name = file instanceof File ? file.name : "The file";
      throw new Error(`${name} is not a picture that this browser can show. JPEG, PNG, WebP and GIF work everywhere.`);
    }
    if (!signal.aborted) {
      this.leaveVideo();
      this.picture = file;
      this.stage.showPicture(bitmap);
    }
    bitmap.close();
    signal.throwIfAborted();
    this.show(undefined);
    await this.detect(this.lanes.compute.begin());
  }

  private async openVideo(file: Blob, signal: AbortSignal): Promise<void> {
    await this.orPicture(() => this.player.openFile(file, signal));
    this.enterVideo();
  }

  private async toggleCamera(signal: AbortSignal): Promise<void> {
    if (this.player.isCamera) {
      this.player.stop();
      return this.backToPicture();
    }
    await this.busy.during("Waiting for the camera…", () => this.orPicture(() => this.player.startCamera(signal)));
    this.enterVideo();
  }

  private enterVideo(): void {
    this.lanes.compute.begin();
    this.session.forget();
    this.live.restart();
    this.settings.forVideo(true);
    this.show(undefined);
    this.player.again();
  }

  private leaveVideo(): void {
    this.player.stop();
    this.live.restart();
    this.settings.forVideo(false);
  }

  /** If opening a video fails after the previous one was closed, the picture comes back. */
  private async orPicture(open: () => Promise<void>): Promise<void> {
    try {
      await open();
    } catch (error) {
      if (this.stage.showsVideo && !this.player.active) this.endVideo(error);
      throw error;
    }
  }

  private async backToPicture(): Promise<void> {
    if (!this.picture) return this.openSample(this.lanes.content.begin());
    this.leaveVideo();
    this.stage.backToPicture();
    this.show(undefined);
    await this.detect(this.lanes.compute.begin());
  }

  private endVideo(error?: unknown): void {
    void this.run("content", () => this.backToPicture());
    if (error !== undefined) showError(error);
  }

  /** Runs the network on what is on the stage. Playing videos do so themselves. */
  private async detect(signal: AbortSignal): Promise<void> {
    if (this.player.active) return this.player.again();
    const { picture } = this;
    if (!picture || !this.session.current) return;
    const show = (result: Result): void => this.show(result);
    const read = () => this.settings.thresholds;
    const warnings: string[] = [];
    const onWarning = (text: string): void => void warnings.push(text);
    await this.busy.during("Looking…", () =>
      this.session.predict(picture, this.settings.imgsz, read, { signal, show, onWarning }),
    );
    box("warning").textContent = warnings.join(" ");
  }

  private rethreshold(): void {
    const show = (result: Result): void => this.show(result);
    if (this.player.active) this.player.again();
    else this.session.select(() => this.settings.thresholds, show).catch(showError);
  }

  private show(result: Result | undefined, fps?: number, trails: readonly Trail[] = []): void {
    const draw = this.stage.setResult(result, trails);
    const video = this.player.active;
    const now = performance.now();
    const due = fps === undefined || now - this.listed > LIST_MS;
    this.result = result;
    if (due) {
      this.listed = now;
      showResult(result, (index) => this.stage.highlight(index));
      showTimes(result, draw, fps);
      this.chooser.show();
    }
    // A screen reader could never keep up with a video.
    box("summary").ariaLive = video ? "off" : "polite";
    box("warning").textContent = "";
  }

  private async copy(): Promise<void> {
    if (!this.result) return;
    const text = json(this.result);
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      download(new Blob([text], { type: "application/json" }), "yolov5.json");
      return;
    }
    button("copy").textContent = "Copied";
    setTimeout(() => {
      button("copy").textContent = "Copy JSON";
    }, 1500);
  }

  private async profile(): Promise<void> {
    const timings = await this.busy.during("Measuring…", () => this.session.profile(this.settings.imgsz));
    if (timings) showProfile(timings);
  }
}

const oneThread = await isolate();
new Page(oneThread).start();
