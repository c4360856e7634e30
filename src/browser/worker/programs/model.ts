/** The bundled source of the model's worker (`entry.ts`), inserted by the build and imported when a worker is started. */

declare const __MODEL_PROGRAM__: string;

export const PROGRAM: string = typeof __MODEL_PROGRAM__ === "undefined" ? "" : __MODEL_PROGRAM__;
