/** The text of `decoders/jpeg.ts`, bundled, imported when the first JPEG comes. The build puts it here. */

declare const __JPEG_PROGRAM__: string;

export const PROGRAM: string = typeof __JPEG_PROGRAM__ === "undefined" ? "" : __JPEG_PROGRAM__;
