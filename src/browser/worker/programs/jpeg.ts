/** The bundled source of `decoders/jpeg.ts`, inserted by the build and imported with the first JPEG. */

declare const __JPEG_PROGRAM__: string;

export const PROGRAM: string = typeof __JPEG_PROGRAM__ === "undefined" ? "" : __JPEG_PROGRAM__;
