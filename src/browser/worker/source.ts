/** The worker's whole program as text, imported only when a worker is started. The build puts it here. */

declare const __WORKER_SOURCE__: string;

export const WORKER_PROGRAM: string = typeof __WORKER_SOURCE__ === "undefined" ? "" : __WORKER_SOURCE__;
