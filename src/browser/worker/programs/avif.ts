/** The bundled source of `decoders/avif.ts`, inserted by the build and imported with the first AVIF. */

declare const __AVIF_PROGRAM__: string;

export const PROGRAM: string = typeof __AVIF_PROGRAM__ === "undefined" ? "" : __AVIF_PROGRAM__;
