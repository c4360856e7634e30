/** The package's version, put in by the build; `dev` when the sources run directly. */

declare const __VERSION__: string | undefined;

export const VERSION: string = typeof __VERSION__ === "string" ? __VERSION__ : "dev";
