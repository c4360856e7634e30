/** The package's version, inserted by the build; `dev` when running from source. */

declare const __VERSION__: string | undefined;

export const VERSION: string = typeof __VERSION__ === "string" ? __VERSION__ : "dev";
