/** The backends by name, and what is known about each before it is opened. Imports nothing, because `--help` reads it too. */

/** Names of the backends, as `--backend` takes them. */
export type BackendName = "cpu" | "wasm" | "webgpu" | "gpujs";

/** A backend by name, or the best one available. */
export type BackendChoice = "auto" | BackendName;

interface Traits {
  /** `cores`: two threads, each with a backend of its own, compute two pictures at once. `device`: they would share one. */
  readonly computesOn: "cores" | "device";
  /** What sums are kept in. In float64, rounding is small beside that of float32. */
  readonly accumulatesIn: "float32" | "float64";
}

const TRAITS: Readonly<Record<BackendName, Traits>> = {
  webgpu: { computesOn: "device", accumulatesIn: "float32" },
  wasm: { computesOn: "cores", accumulatesIn: "float32" },
  cpu: { computesOn: "cores", accumulatesIn: "float64" },
  gpujs: { computesOn: "device", accumulatesIn: "float32" },
};

/** Every value of `--backend`. */
export const BACKEND_CHOICES: readonly BackendChoice[] = ["auto", ...(Object.keys(TRAITS) as BackendName[])];

export const computesOnCores = (name: BackendChoice): boolean => name !== "auto" && TRAITS[name].computesOn === "cores";

export const computesOnDevice = (name: BackendChoice): boolean =>
  name !== "auto" && TRAITS[name].computesOn === "device";

export const accumulatesInFloat64 = (name: BackendName): boolean => TRAITS[name].accumulatesIn === "float64";
