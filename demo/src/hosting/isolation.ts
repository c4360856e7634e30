/**
 * Threads need a cross-origin isolated page. If the host does not send the headers, the page's own service worker
 * adds them: it is registered, and the page is reloaded once through it. If that is not possible, the page runs on
 * one thread.
 */

/**
 * Set for the one reload, so that a page that does not become isolated does not reload forever. Stored in the history
 * entry: session storage may lose what was written shortly before a page becomes isolated, or stops being so.
 */
const RELOADED = "loaded again for threads";
/** Activating is the browser's own work and fetches nothing: only a broken one, or a machine without any time left, takes so long. */
const READY_MS = 30_000;

const never = new Promise<never>(() => undefined);

/** Resolves to true when the registration's worker is active; to false if that takes too long or fails. */
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
  if (!("serviceWorker" in navigator)) return "this browser does not allow the page a service worker";
  // Relative to the page: every copy under its own path has its own worker.
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
 * Waits until the page's isolation is settled; never resolves if the page is being reloaded.
 * @returns why there is only one thread; undefined if there are more.
 */
export async function isolate(): Promise<string | undefined> {
  // The development server sends the headers.
  if (import.meta.hot) return undefined;
  try {
    const reason = await throughServiceWorker();
    if (reason !== undefined || typeof SharedArrayBuffer === "function") return reason;
    // WebKit's builds differ.
    return "this browser has no SharedArrayBuffer, though the page is isolated from others";
  } catch (error) {
    if (globalThis.crossOriginIsolated) return undefined;
    // Sandboxed pages reject any of these calls, and the host may lack the file.
    const reason = error instanceof Error ? error.message : String(error);
    return `the page's service worker could not be registered (${reason})`;
  }
}

/**
 * Passes the service worker the files that a visit fetched without it, so that the next visit needs no network.
 * @param more addresses fetched not by the page but by its workers.
 */
export async function keepFiles(more: readonly string[]): Promise<void> {
  if (import.meta.hot || !isSecureContext || navigator.serviceWorker?.controller) return;
  // Later than the first result where the machine is busy; never where the page has no worker.
  const registration = await navigator.serviceWorker?.ready;
  // Below another page, its worker may be the one that is ready.
  if (registration?.scope !== new URL("./", location.href).href) return;
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const here = more.map((address) => new URL(address, location.href).href);
  registration.active?.postMessage({ keep: [location.href, ...loaded, ...here] });
}
