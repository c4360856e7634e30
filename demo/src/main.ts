/** The demo page: a model, a picture or a video, and the result on top. */

import type { Result } from "yolov5-ts";
import { Busy } from "./busy.js";
import { Content } from "./content.js";
import { Counting } from "./count/counting.js";
import { box, button, byId, clearError, input, showError } from "./dom.js";
import { listenForFiles } from "./files.js";
import { listenForKeys } from "./help.js";
import { isolate, keepFiles } from "./hosting/isolation.js";
import { Lane } from "./lane.js";
import { EMBEDDED, ModelChooser, type Weights, weightsAt } from "./modelChooser.js";
import { showProfile } from "./panels.js";
import { SAMPLES } from "./samples.js";
import { copyText } from "./save.js";
import { Session } from "./session.js";
import { hashOf, type LinkedState, stateFrom } from "./settings/link.js";
import { Settings } from "./settings/settings.js";
import { View } from "./settings/view.js";
import { Showing } from "./showing.js";
import { Stage } from "./stage.js";
import { Live } from "./video/live.js";
import { Player } from "./video/player.js";
import { RecordButton } from "./video/recordButton.js";

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
    onSize: () => this.look(),
    onReset: () => {
      this.view.reset();
      this.look();
    },
  });
  private readonly view = new View({
    onLook: () => this.relook(),
    onSlices: () => this.look(),
  });
  private readonly counting = new Counting(() => this.recount());
  private readonly player = new Player(this.stage, {
    onFrame: (video) => void this.live.take(video),
    onEnd: () => this.recording.finish(),
    onLost: () =>
      this.content.endVideo(new Error("The camera stopped: it was unplugged, or its permission was revoked.")),
  });
  private readonly recording = new RecordButton(this.stage, () => this.player.again());
  private readonly live = new Live(this.session, this.settings, this.view, {
    onSeen: (result, time) => this.counting.update(result, time),
    onResult: (shown, fps) => this.showing.frame(shown, fps),
    onAgain: () => this.counting.restart(),
    onError: (error) => this.content.endVideo(error),
    exact: () => this.recording.active,
    follows: () => this.counting.active,
  });
  private readonly chooser: ModelChooser;
  private readonly showing: Showing;
  private readonly content: Content;
  /** What a link asked for, until the model is there whose classes it names. */
  private linked: LinkedState | undefined;

  constructor(oneThread: string | undefined) {
    this.chooser = new ModelChooser(this.session, this.busy, oneThread);
    const { busy, stage, settings, view, counting, recording, player, chooser, live } = this;
    const showing = new Showing({ stage, view, counting, recording, player, chooser });
    this.showing = showing;
    this.content = new Content(
      { busy, stage, settings, view, counting, recording, player, live, showing },
      {
        run: (act) => this.run("content", act),
        onPicture: () => this.detect(this.lanes.compute.begin()),
        onVideo: () => {
          this.lanes.compute.begin();
          this.session.forget();
        },
      },
    );
  }

  start(): void {
    document.body.dataset.started = "";
    const open = (weights: Weights): Promise<void> => this.run("model", (signal) => this.open(weights, signal));
    listenForKeys();
    listenForFiles({
      onModel: (file) => void open({ source: file, title: file.name }),
      onPicture: (file) => void this.run("content", (signal) => this.content.openPicture(file, signal)),
      onVideo: (file) => void this.run("content", (signal) => this.content.openVideo(file, signal)),
    });
    const click = (id: string, lane: keyof Page["lanes"], act: (signal: AbortSignal) => Promise<void>): void =>
      button(id).addEventListener("click", () => void this.run(lane, act));
    click("sample", "content", (signal) => this.content.openSample(signal));
    click("clip", "content", (signal) => this.content.openClip(signal));
    click("link", "other", () => this.copyLink());
    click("camera", "content", (signal) => this.content.toggleCamera(signal));
    click("flip", "content", (signal) => this.content.switchCamera(signal));
    click("profile", "other", () => this.profile());
    click("copy", "other", () => this.showing.copy());
    click("png", "other", () => this.showing.savePicture());
    click("txt", "other", () => this.showing.saveLabels());
    button("alert-close").addEventListener("click", clearError);
    button("embedded").addEventListener("click", () => void open(EMBEDDED));
    byId("backend", HTMLSelectElement).addEventListener("change", () => void open(this.chooser.weights));
    byId("url-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void open(weightsAt(input("url").value));
    });
    this.content.listenForLeaving();
    const first = this.follow(stateFrom(location.hash));
    addEventListener("hashchange", () => void this.follow(stateFrom(location.hash)));
    void first.then(() => this.prepareOffline());
  }

  /** Sets the page as a link has it, and opens what it lacks. */
  private async follow(state: LinkedState): Promise<void> {
    const changed = this.chooser.choose(state.backend);
    this.settings.apply(state);
    this.view.apply(state);
    this.counting.set(state.figures ?? []);
    const work: Promise<void>[] = [];
    if (changed || !this.session.current) {
      this.linked = state;
      work.push(this.run("model", (signal) => this.open(this.chooser.weights, signal)));
    }
    if (state.clip && !this.content.isClip) work.push(this.run("content", (signal) => this.content.openClip(signal)));
    else if (!this.content.picture && !this.player.active) {
      work.push(this.run("content", (signal) => this.content.openSample(signal)));
    } else if (!changed) this.look();
    await Promise.all(work);
    // The link's backend is not available here.
    if (!this.session.current && this.chooser.choose()) {
      await this.run("model", (signal) => this.open(this.chooser.weights, signal));
    }
  }

  /** What comes later is fetched after the start, so that the next visit needs no network. */
  private async prepareOffline(): Promise<void> {
    const later = [import("./count/counters.js"), import("./video/pixels.js")];
    await Promise.allSettled(later);
    await keepFiles([EMBEDDED.source, SAMPLES.picture]);
  }

  private async copyLink(): Promise<void> {
    const backend = this.chooser.chosen;
    const hash = hashOf({
      ...this.settings.state,
      ...this.view.state,
      ...(backend === "auto" ? {} : { backend }),
      ...(this.content.isClip ? { clip: true } : {}),
      figures: this.counting.figuresDrawn,
    });
    history.replaceState(history.state, "", `${location.pathname}${location.search}${hash}`);
    if (!(await copyText("link", location.href)))
      throw new Error("The link is in the address bar: copy it from there.");
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
    if (changed) {
      this.settings.adopt(model);
      this.view.adopt(model);
      this.counting.forVideo(this.player.active && this.settings.trackable);
    }
    if (this.linked) this.settings.apply(this.linked);
    this.linked = undefined;
    await this.detect(this.lanes.compute.begin());
  }

  /** Lines and zones changed. */
  private recount(): void {
    const { active } = this.counting;
    this.settings.forCounting(active);
    // A video is counted once, from its beginning to its end.
    this.player.loop(!active);
    this.stage.setFigures(this.counting.figures);
  }

  /** What pixels look like changed. */
  private relook(): void {
    this.stage.cover(this.player.active && this.view.look.blur !== undefined);
    if (this.player.active) this.player.again();
    else this.showing.again();
  }

  /** The input of the network changed. */
  private look(): void {
    void this.run("compute", (signal) => this.detect(signal));
  }

  /** Runs the network on what is on the stage. Playing videos do so themselves. */
  private async detect(signal: AbortSignal): Promise<void> {
    if (this.player.active) return this.player.again();
    const { picture } = this.content;
    if (!picture || !this.session.current) return;
    const show = (result: Result): void => this.showing.still(result);
    const read = () => this.settings.thresholds;
    const warnings: string[] = [];
    const onWarning = (text: string): void => void warnings.push(text);
    const { imgsz } = this.settings;
    const { slice } = this.view;
    // Slices take long enough to change one's mind.
    const cancel = slice === undefined ? undefined : () => void this.lanes.compute.begin();
    await this.busy.during(
      "Looking…",
      (task) => {
        const onSlice = ({ done, total }: { done: number; total: number }): void =>
          task.say(`Looking… ${done} of ${total} slices`);
        return this.session.predict(picture, { imgsz, slice }, read, { signal, show, onWarning, onSlice });
      },
      cancel,
    );
    box("warning").textContent = warnings.join(" ");
  }

  private rethreshold(): void {
    if (this.player.active) this.player.again();
    // The outputs of slices are not kept.
    else if (this.view.slice !== undefined) this.look();
    else
      this.session
        .select(
          () => this.settings.thresholds,
          (result) => this.showing.still(result),
        )
        .catch(showError);
  }

  private async profile(): Promise<void> {
    const timings = await this.busy.during("Measuring…", () => this.session.profile(this.settings.imgsz));
    if (timings) showProfile(timings);
  }
}

const oneThread = await isolate();
new Page(oneThread).start();
