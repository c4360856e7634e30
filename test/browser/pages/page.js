/** The public entry as a page without a bundler imports it; tests reach it as `engine`. */
import * as engine from "./dist/page.js";

globalThis.engine = engine;
document.body.dataset.ready = "";
