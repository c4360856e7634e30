/** All models of a server: their versions and states, and reloading without dropping a request. */

import { oneLine } from "../../../printable.js";
import { RequestError } from "../requestError.js";
import type { ModelSpec } from "./modelSpecs.js";
import type { ServedModel } from "./openModel.js";

/** The states of the protocol's repository index. */
export type ModelState = "LOADING" | "READY" | "UNAVAILABLE";

export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: ModelState;
  readonly reason: string;
}

/** @param onBroken called when the opened model can no longer compute. */
export type OpenSpec = (spec: ModelSpec, onBroken: (error: Error) => void) => Promise<ServedModel>;

interface Entry {
  readonly spec: ModelSpec;
  state: ModelState;
  reason: string;
  model: ServedModel | undefined;
  /** Loading and unloading happen one after the other. */
  last: Promise<unknown>;
}

export class ModelRepository {
  private readonly entries: readonly Entry[];
  private readonly open: OpenSpec;
  /** Models that finish their last requests. */
  private readonly retiring = new Set<Promise<void>>();
  private closed = false;

  constructor(specs: readonly ModelSpec[], open: OpenSpec) {
    this.open = open;
    this.entries = specs.map((spec) => ({
      ...{ spec, state: "LOADING" as const, reason: "", model: undefined, last: Promise.resolve() },
    }));
  }

  /** Whether every model that is not unloaded on purpose answers requests. */
  get ready(): boolean {
    return !this.closed && this.entries.every(({ state, reason }) => state === "READY" || reason === UNLOADED);
  }

  /** Seconds until the fullest queue of a model is empty, as far as is known. */
  get backlog(): number {
    return Math.max(0, ...this.entries.map(({ model }) => model?.scheduler.backlog ?? 0));
  }

  get index(): readonly IndexEntry[] {
    return this.entries.map(({ spec: { name, version }, state, reason }) => ({ name, version, state, reason }));
  }

  /** Loads all models, one after the other. @throws what the first one fails with. */
  async loadAll(): Promise<void> {
    for (const entry of this.entries) await this.reload(entry);
  }

  /**
   * Versions of a model, lowest first.
   * @throws RequestError 404.
   */
  versions(name: string): readonly string[] {
    return this.named(name).map(({ spec }) => spec.version);
  }

  /**
   * @param name default: the first model.
   * @param version default: the highest that is ready.
   * @throws RequestError 404 if there is no such model, 503 if it is not ready.
   */
  find(name: string | undefined, version?: string): ServedModel {
    const all = this.named(name ?? this.entries[0].spec.name);
    const fitting = version === undefined ? all : all.filter(({ spec }) => spec.version === version);
    if (fitting.length === 0) {
      const versions = all.map(({ spec }) => spec.version).join(", ");
      throw new RequestError(404, "model", `model ${all[0].spec.name} has no version ${version}; it has ${versions}`);
    }
    const found = fitting.findLast(({ model }) => model !== undefined);
    if (found?.model) return found.model;
    const { spec, reason } = fitting[fitting.length - 1];
    throw new RequestError(
      503,
      "model",
      `model ${spec.name}, version ${spec.version}, is not ready${reason === "" ? "" : ` (${reason})`}`,
      1,
    );
  }

  /**
   * Loads all versions of a model again. Requests go to what was loaded before until the new one is warm; if it cannot be
   * loaded, nothing changes.
   * @throws RequestError 404; as `load`.
   */
  async load(name: string): Promise<void> {
    for (const entry of this.named(name)) await this.reload(entry);
  }

  /** Requests that came before are answered. @throws RequestError 404. */
  async unload(name: string): Promise<void> {
    for (const entry of this.named(name)) {
      await this.inTurn(entry, async () => {
        this.put(entry, undefined);
        Object.assign(entry, { state: "UNAVAILABLE", reason: UNLOADED });
      });
    }
  }

  /** Computes batches at once that wait to be filled. */
  hurry(): void {
    for (const { model } of this.entries) model?.scheduler.hurry();
  }

  /** Lets accepted requests finish. */
  async close(): Promise<void> {
    this.closed = true;
    for (const entry of this.entries) {
      await this.inTurn(entry, async () => {
        this.put(entry, undefined);
        Object.assign(entry, { state: "UNAVAILABLE", reason: "the server is closing" });
      });
    }
    await Promise.all(this.retiring);
  }

  private named(name: string): readonly Entry[] {
    const found = this.entries.filter(({ spec }) => spec.name === name);
    if (found.length > 0) return found.toSorted((a, b) => byVersion(a.spec.version, b.spec.version));
    const names = [...new Set(this.entries.map(({ spec }) => spec.name))].join(", ");
    throw new RequestError(404, "model", oneLine(`no model ${name.slice(0, 100)}; the models are ${names}`));
  }

  private reload(entry: Entry): Promise<void> {
    return this.inTurn(entry, async () => {
      if (!entry.model) Object.assign(entry, { state: "LOADING", reason: "" });
      try {
        const model: ServedModel = await this.open(entry.spec, (error) => this.replace(entry, model, error));
        if (this.closed) return model.dispose();
        this.put(entry, model);
        Object.assign(entry, { state: "READY", reason: "" });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (!entry.model) Object.assign(entry, { state: "UNAVAILABLE", reason });
        throw error;
      }
    });
  }

  /** A broken model is reopened; until then it is not ready. */
  private replace(entry: Entry, broken: ServedModel, { message }: Error): void {
    // A batch fails once; the model may have been replaced meanwhile.
    if (entry.model !== broken) return;
    this.put(entry, undefined);
    Object.assign(entry, { state: "UNAVAILABLE", reason: message });
    this.reload(entry).catch(() => undefined);
  }

  /** From here on, requests get `model`; those of the old model are finished. */
  private put(entry: Entry, model: ServedModel | undefined): void {
    const before = entry.model;
    entry.model = model;
    if (!before) return;
    const retired = before.retire().finally(() => this.retiring.delete(retired));
    this.retiring.add(retired);
  }

  private inTurn(entry: Entry, work: () => Promise<void>): Promise<void> {
    const turn = entry.last.then(work);
    entry.last = turn.catch(() => undefined);
    return turn;
  }
}

const UNLOADED = "unloaded";

/** `2` before `10`. */
function byVersion(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
