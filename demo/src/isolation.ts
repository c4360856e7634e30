/**
 * Threads need a cross-origin isolated page. Where the host sends no headers for that, the page's own service worker adds
 * them: it is registered, and the page loaded once more through it. Where that cannot be, the page runs on one thread.
 */

/**
 * Set for the one reload, so that a page which stays as it is does not load forever. In the history's entry: session storage
 * may forget what was written shortly before a page becomes isolated, or ceases to be.
 */
const RELOADED = "loaded again for threads";
/** A worker that takes longer to get ready serves the next visit. */
const READY_MS = 4000;

const never = new Promise<never>(() => undefined);

/** Resolves when the registration's worker is active; false where that takes too long or ends. */
function activated(registration: ServiceWorkerRegistration): Promise<boolean> {
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  return new Promise((resolve) => {
    const look = (): void => {
      if (registration.active || worker?.state === "activated") resolve(true);
      else if (worker?.state === "redundant") resolve(false);
    };
    worker?.addEventListener("statechange", look);
    setTimeout(() => resolve(false), READY_MS);
    look();
  });
}

async function throughServiceWorker(): Promise<string | undefined> {
  const isolated = globalThis.crossOriginIsolated;
  if (!isSecureContext) return "threads need a secure page (https or localhost)";
  if (!("serviceWorker" in navigator)) return "this browser gives the page no service worker";
  // Relative to the page: every copy below its own path has its own worker.
  const registering = navigator.serviceWorker.register("./service-worker.js", { scope: "./" });
  if (isolated) {
    registering.catch(() => undefined);
    if (history.state === RELOADED) history.replaceState(null, "");
    return undefined;
  }
  const registration = await registering;
  if (window.parent !== window) return "the page is embedded in another one that is not cross-origin isolated";
  if (history.state === RELOADED) return "this browser does not isolate the page from others";
  if (!(await activated(registration))) return "the service worker is not ready yet; reload the page for more";
  history.replaceState(RELOADED, "");
  location.reload();
  return never;
}

/**
 * Waits until the page is as it will be; where it is loaded once more, forever.
 * @returns why there is one thread only; undefined where there are more
 */
export async function isolate(): Promise<string | undefined> {
  // The development server sends the headers.
  if (import.meta.hot) return undefined;
  try {
    return await throughServiceWorker();
  } catch (error) {
    if (globalThis.crossOriginIsolated) return undefined;
    // Sandboxed pages refuse every part of it; hosts may not have the file.
    const reason = error instanceof Error ? error.message : String(error);
    return `the page's service worker could not be registered (${reason})`;
  }
}

/**
 * Gives the service worker what a visit fetched without it, so that the next one needs no network.
 * @param more addresses that the page did not fetch itself: its workers did
 */
export async function keepFiles(more: readonly string[]): Promise<void> {
  if (import.meta.hot || !isSecureContext || navigator.serviceWorker?.controller) return;
  const registration = await navigator.serviceWorker?.getRegistration("./").catch(() => undefined);
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const here = more.map((address) => new URL(address, location.href).href);
  registration?.active?.postMessage({ keep: [location.href, ...loaded, ...here] });
}
