/**
 * The bundled source of the model's worker without WebGPU, for pages without it or with another backend. Inserted by
 * the build.
 */

declare const __LIGHT_PROGRAM__: string;

export const PROGRAM: string = typeof __LIGHT_PROGRAM__ === "undefined" ? "" : __LIGHT_PROGRAM__;
