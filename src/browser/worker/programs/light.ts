/** The text of the model's worker without WebGPU, for pages that have none or ask for another backend. The build puts it here. */

declare const __LIGHT_PROGRAM__: string;

export const PROGRAM: string = typeof __LIGHT_PROGRAM__ === "undefined" ? "" : __LIGHT_PROGRAM__;
