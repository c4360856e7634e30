/** The demo page: a model, a picture or a video, and the result over it. */

import type { BackendChoice, OnProgress, Result, Trail, WeightSource } from "yolov5-ts";
import embeddedModel from "yolov5-ts/models/codes.safetensors?url";
import samplePicture from "../../examples/codes.png?url";
import { box, button, byId, clearError, input, showError } from "./dom.js";
import { listenForFiles } from "./files.js";
import { Following } from "./following.js";
import { showDevice, showModel, showProfile, showResult, showTimes } from "./panels.js";
import { Player } from "./player.js";
import { download, json, labelText } from "./save.js";
import { Session } from "./session.js";
import { Settings } from "./settings.js";
import { Stage } from "./stage.js";

const FRAMES_FOR_MEDIAN = 31;

interface Weights {
  readonly source: WeightSource;
  readonly title: string;
}

class Page {
  private readonly stage = new Stage();
  private readonly session = new Session();
  private readonly settings = new Settings({
    onThresholds: () => this.rethreshold(),
    onTracking: () => {
      this.startFollowing();
      if (this.player.active) void this.guard(() => this.player.again());
    },
    onSize: () => void this.guard(() => this.detect()),
  });
  private readonly player = new Player(this.stage, {
    onFrame: (video) => this.runFrame(video),
    onStop: () => this.show(undefined),
  });
  private weights: Weights = { source: "", title: "" };
  private readonly following = new Following();
  private picture: Blob | undefined;
  private result: Result | undefined;
  private notes: string[] = [];
  private intervals: number[] = [];
  private lastFrame = 0;
  private busyCount = 0;

  start(): void {
    listenForFiles({
      onModel: (file) => void this.guard(() => this.open({ source: file, title: file.name })),
      onPicture: (file) => void this.guard(() => this.openPicture(file)),
      onVideo: (file) => void this.guard(() => this.openVideo(file)),
    });
    const click = (id: string, act: () => Promise<void>): void =>
      button(id).addEventListener("click", () => void this.guard(act));
    click("sample", () => this.openSample());
    click("camera", () => this.toggleCamera());
    click("embedded", () => this.open({ source: embeddedModel, title: "codes (embedded)" }));
    click("profile", () => this.profile());
    click("copy", () => this.copy());
    click("png", async () => download(await this.stage.toPng(), "yolov5.png"));
    click("txt", async () => {
      if (this.result) download(new Blob([labelText(this.result)], { type: "text/plain" }), "yolov5.txt");
    });
    button("alert-close").addEventListener("click", clearError);
    const backend = byId("backend", HTMLSelectElement);
    backend.addEventListener("change", () => void this.guard(() => this.open(this.weights)));
    byId("url-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const source = input("url").value;
      void this.guard(async () => {
        const title = decodeURIComponent(new URL(source).pathname.split("/").at(-1) || source);
        await this.open({ source, title });
      });
    });
    void this.guard(async () => {
      await this.open({ source: embeddedModel, title: "codes (embedded)" });
      if (!this.picture && !this.player.active) await this.openSample();
    });
  }

  /** Runs an action and says plainly what went wrong. */
  private async guard(act: () => Promise<void>): Promise<void> {
    clearError();
    try {
      await act();
    } catch (error) {
      showError(error);
    }
  }

  private async busy<T>(text: string, work: () => Promise<T>): Promise<T> {
    this.busyCount++;
    box("busy").hidden = false;
    box("busy-text").textContent = text;
    try {
      return await work();
    } finally {
      this.busyCount--;
      box("busy").hidden = this.busyCount === 0;
      box("progress").hidden = true;
    }
  }

  private async open(weights: Weights): Promise<void> {
    const choice = byId("backend", HTMLSelectElement).value as BackendChoice;
    const notes: string[] = [];
    const onProgress: OnProgress = ({ loaded, total }) => {
      const bar = byId("progress", HTMLProgressElement);
      bar.hidden = false;
      if (total === undefined) bar.removeAttribute("value");
      else bar.value = loaded / total;
    };
    const onNote = (note: string): void => {
      notes.push(note);
      if (this.notes === notes) showDevice(this.session.current?.device, notes);
    };
    const model = await this.busy(`Loading ${weights.title}…`, async () => {
      const opened = await this.session.load(weights.source, choice, { onProgress, onNote });
      // The first run compiles; here it is not taken for the picture's time.
      const size = opened.task === "classify" ? 224 : this.settings.imgsz;
      await opened.warmup(Math.min(size, 640));
      return opened;
    });
    const changed = weights !== this.weights;
    this.weights = weights;
    this.notes = notes;
    showDevice(model.device, notes);
    showModel(model, weights.title);
    if (changed) this.settings.adopt(model.names, model.task === "classify" ? 224 : 640);
    await this.detect();
  }

  private async openSample(): Promise<void> {
    const answer = await fetch(samplePicture);
    await this.openPicture(await answer.blob());
  }

  private async openPicture(file: Blob): Promise<void> {
    let bitmap: ImageBitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      const name = file instanceof File ? file.name : "The file";
      throw new Error(`${name} is no picture that this browser can show. JPEG, PNG, WebP and GIF work everywhere.`);
    }
    this.player.stop();
    this.picture = file;
    this.stage.showPicture(bitmap);
    bitmap.close();
    this.show(undefined);
    await this.detect();
  }

  private async openVideo(file: Blob): Promise<void> {
    this.picture = undefined;
    this.session.forget();
    this.intervals = [];
    this.startFollowing();
    this.lastFrame = 0;
    await this.player.openFile(file);
  }

  private async toggleCamera(): Promise<void> {
    if (this.player.isCamera) {
      this.player.stop();
      await this.openSample();
      return;
    }
    this.picture = undefined;
    this.session.forget();
    this.intervals = [];
    this.startFollowing();
    this.lastFrame = 0;
    await this.player.startCamera();
  }

  private startFollowing(): void {
    this.following.restart(this.settings.thresholds.conf ?? 0.25);
  }

  /** Runs the network on what is on the stage. Videos take care of themselves. */
  private async detect(): Promise<void> {
    if (this.player.active) return this.player.again();
    const { picture } = this;
    if (!picture || !this.session.current) return;
    const { imgsz, thresholds } = this.settings;
    const result = await this.busy("Looking…", () => this.session.predict(picture, imgsz, thresholds));
    if (picture === this.picture) this.show(result);
  }

  private rethreshold(): void {
    const show = (result: Result): void => this.show(result);
    if (this.player.active) void this.guard(() => this.player.again());
    else void this.guard(() => this.session.select(() => this.settings.thresholds, show));
  }

  private async runFrame(video: HTMLVideoElement): Promise<void> {
    try {
      const { imgsz, thresholds, tracking } = this.settings;
      const asked = tracking ? this.following.thresholds(thresholds) : thresholds;
      const result = await this.session.frame(video, imgsz, asked);
      if (!result || !this.player.active) return;
      const now = performance.now();
      if (this.lastFrame > 0) this.intervals.push(now - this.lastFrame);
      this.lastFrame = now;
      if (this.intervals.length > FRAMES_FOR_MEDIAN) this.intervals.shift();
      const middle = this.intervals.toSorted((a, b) => a - b)[this.intervals.length >> 1];
      const shown = tracking ? this.following.follow(result, thresholds.conf ?? 0.25) : { result, trails: [] };
      this.show(shown.result, middle && 1000 / middle, shown.trails);
    } catch (error) {
      this.player.stop();
      showError(error);
    }
  }

  private show(result: Result | undefined, fps?: number, trails: readonly Trail[] = []): void {
    this.result = result;
    const draw = this.stage.setResult(result, trails);
    showResult(result, (index) => this.stage.highlight(index));
    // A screen reader would never come to an end of a video.
    box("summary").ariaLive = this.player.active ? "off" : "polite";
    showTimes(result, draw, fps);
    if (result && this.session.current) showDevice(this.session.current.device, this.notes);
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
    const model = this.session.current;
    if (!model) return;
    const size = model.task === "classify" ? 224 : this.settings.imgsz;
    const shape = [1, 3, size, size];
    const data = new Float32Array(3 * size * size);
    showProfile(await this.busy("Measuring…", () => model.profile({ dtype: "float32", shape, data })));
  }
}

new Page().start();
