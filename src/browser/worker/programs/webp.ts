/** The text of `decoders/webp.ts`, bundled, imported when the first WebP comes. The build puts it here. */

declare const __WEBP_PROGRAM__: string;

export const PROGRAM: string = typeof __WEBP_PROGRAM__ === "undefined" ? "" : __WEBP_PROGRAM__;
