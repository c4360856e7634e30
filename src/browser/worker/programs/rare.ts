/**
 * The bundled source of `decoders/rare.ts`, inserted by the build and imported with the first picture in such a
 * format.
 */

declare const __RARE_PROGRAM__: string;

export const PROGRAM: string = typeof __RARE_PROGRAM__ === "undefined" ? "" : __RARE_PROGRAM__;
