/** The package's version, inserted by the build; `dev` when running from source. */

declare const __VERSION__: string | undefined;

export const VERSION: string = typeof __VERSION__ === "string" ? __VERSION__ : "dev";

declare const __BUILD__: string | undefined;

/** A digest of the sources, inserted by the build for Node; undefined when running from source. */
export const BUILD: string | undefined = typeof __BUILD__ === "string" ? __BUILD__ : undefined;
