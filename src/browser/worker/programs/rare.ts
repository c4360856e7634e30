/** The text of `decoders/rare.ts`, bundled, imported when the first picture of such a format comes. The build puts it here. */

declare const __RARE_PROGRAM__: string;

export const PROGRAM: string = typeof __RARE_PROGRAM__ === "undefined" ? "" : __RARE_PROGRAM__;
