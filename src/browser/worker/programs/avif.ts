/** The text of `decoders/avif.ts`, bundled, imported when the first AVIF comes. The build puts it here. */

declare const __AVIF_PROGRAM__: string;

export const PROGRAM: string = typeof __AVIF_PROGRAM__ === "undefined" ? "" : __AVIF_PROGRAM__;
