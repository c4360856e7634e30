/** Chooses weights and backend: tracks what was requested and what runs, and keeps the page's controls in sync. */

import type { BackendChoice, WeightSource, WorkerModel } from "yolov5-ts";
import embeddedModel from "yolov5-ts/models/codes.safetensors?url";
import type { Busy } from "./busy.js";
import { box, button, byId } from "./dom.js";
import { BACKENDS, showDevice, showModel, showOpening } from "./panels.js";
import type { Session } from "./session.js";

export interface Weights {
  readonly source: WeightSource;
  readonly title: string;
}

export const EMBEDDED = { source: embeddedModel, title: "codes (embedded)" } as const satisfies Weights;

interface Running {
  readonly weights: Weights;
  readonly backend: BackendChoice;
  /** May grow while the model lives, for example with a note about a lost device. */
  readonly notes: string[];
}

/** The file name in an address, decoded. */
export function weightsAt(address: string): Weights {
  const name = new URL(address).pathname.split("/").at(-1) || address;
  try {
    return { source: address, title: decodeURIComponent(name) };
  } catch {
    return { source: address, title: name };
  }
}

export class ModelChooser {
  private readonly select = byId("backend", HTMLSelectElement);
  private readonly session: Session;
  private readonly busy: Busy;
  private wanted: Weights = EMBEDDED;
  private running: Running | undefined;
  private opening: BackendChoice | undefined;

  /** @param oneThread why WASM has only one thread on this page; undefined if it has more. */
  constructor(
    session: Session,
    busy: Busy,
    private readonly oneThread: string | undefined,
  ) {
    this.session = session;
    this.busy = busy;
    // Backends that this browser lacks cannot be chosen; `auto` says why they were skipped.
    if (!navigator.gpu) this.option("webgpu")?.remove();
    if (!document.createElement("canvas").getContext("webgl2")) this.option("gpujs")?.remove();
  }

  /** The backend that the visitor has chosen. */
  get chosen(): string {
    return this.select.value;
  }

  /** Chooses a backend that a link names; one that this browser lacks, or none, is `auto`. @returns whether it is another one. */
  choose(name = "auto"): boolean {
    const before = this.select.value;
    this.select.value = this.option(name) ? name : "auto";
    return this.select.value !== before;
  }

  /** The weights to run after a change of backend. */
  get weights(): Weights {
    return this.wanted;
  }

  /**
   * Opens weights on the backend selected in the page's list.
   * @param cancel called by the visitor's Cancel button; must abort `signal`.
   * @returns the model, and whether its weights differ from before.
   */
  async open(
    weights: Weights,
    size: number,
    signal: AbortSignal,
    cancel: () => void,
  ): Promise<{ readonly model: WorkerModel; readonly changed: boolean }> {
    const backend = this.select.value as BackendChoice;
    this.wanted = weights;
    this.opening = backend;
    this.show();
    const running: Running = { weights, backend, notes: [] };
    try {
      const model = await this.busy.during(
        `Loading ${weights.title}…`,
        (task) =>
          this.session.load(weights.source, backend, size, {
            signal,
            onProgress: ({ loaded, total }) => task.progress(loaded, total),
            onNote: (note) => {
              running.notes.push(note);
              if (this.running === running) this.show();
            },
            onRead: () => task.say("Preparing the network…"),
          }),
        cancel,
      );
      const changed = this.running?.weights !== weights;
      this.running = running;
      this.opening = undefined;
      showModel(model, weights.title);
      this.show();
      return { model, changed };
    } catch (error) {
      if (!signal.aborted) this.revert();
      throw error;
    }
  }

  /** Resets the controls to what is running; nothing is being opened any more. */
  revert(): void {
    this.opening = undefined;
    if (this.running) {
      this.wanted = this.running.weights;
      this.select.value = this.running.backend;
    }
    this.show();
  }

  /** The device that runs the network, as of the last answer. */
  show(): void {
    const device = this.session.current?.device;
    const { running, opening } = this;
    button("embedded").hidden = this.wanted === EMBEDDED && (running !== undefined || opening !== undefined);
    const automatic = this.option("auto");
    const name = device && BACKENDS[device.name];
    if (automatic) automatic.textContent = running?.backend === "auto" && !opening && name ? `auto (${name})` : "auto";
    if (opening) showOpening(opening);
    else showDevice(device, running?.notes ?? []);
    const threads = box("threads");
    threads.hidden = this.oneThread === undefined || device?.name !== "wasm" || opening !== undefined;
    threads.textContent = `One thread: ${this.oneThread}.`;
  }

  private option(value: string): HTMLOptionElement | undefined {
    return [...this.select.options].find((option) => option.value === value);
  }
}
