/** TypeDoc reads programs through TypeScript's API, which TypeScript 7 does not have yet: it gets TypeScript 6, also installed here. */

import { register } from "node:module";

/** @param {string} specifier @param {object} context @param {Function} next */
export function resolve(specifier, context, next) {
  return next(specifier === "typescript" ? "typescript-6" : specifier, context);
}

if (!import.meta.url.includes("?hooks")) register(`${import.meta.url}?hooks`);
