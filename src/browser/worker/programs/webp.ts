/** The bundled source of `decoders/webp.ts`, inserted by the build and imported with the first WebP. */

declare const __WEBP_PROGRAM__: string;

export const PROGRAM: string = typeof __WEBP_PROGRAM__ === "undefined" ? "" : __WEBP_PROGRAM__;
