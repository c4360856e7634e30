/**
 * The page's service worker. It adds the headers that isolate the page and caches the page's files for offline
 * visits. It handles only the page and its own files, and ignores anything else below its path.
 */

/** The service-worker globals used here; the page's types lack them. */
interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface KeepEvent extends ExtendableEvent {
  readonly data: unknown;
}
interface Scope {
  readonly registration: { readonly scope: string };
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
  addEventListener(type: "message", listener: (event: KeepEvent) => void): void;
}

const worker = globalThis as unknown as Scope;
const { scope } = worker.registration;
/** Separate caches for copies of the page on one origin. */
const CACHE = `yolov5-ts page ${scope}`;

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

/** The cache key of a file of the page; undefined for anything else. */
function keyOf(address: string): string | undefined {
  const { origin, pathname } = new URL(address);
  const path = origin + pathname;
  if (!path.startsWith(scope)) return undefined;
  const rest = path.slice(scope.length);
  if (rest === "" || rest === "index.html") return scope;
  return rest === "starting.js" || /^assets\/[^/]+$/.test(rest) ? path : undefined;
}

function isolated(response: Response): Response {
  // Redirects that the browser follows itself are opaque.
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

/** A full or forbidden cache is no reason to fail. */
async function stored(key: string): Promise<Response | undefined> {
  try {
    return await (await caches.open(CACHE)).match(key, { ignoreVary: true });
  } catch {
    return undefined;
  }
}

async function store(key: string, response: Response): Promise<void> {
  try {
    // A new version of the page: its files have other names, and the old ones are no longer needed.
    if (key === scope) {
      const before = await stored(key);
      if (before && (await before.text()) !== (await response.clone().text())) await caches.delete(CACHE);
    }
    await (await caches.open(CACHE)).put(key, response);
  } catch {
    // See `stored`.
  }
}

async function answer(event: FetchEvent, key: string): Promise<Response> {
  // The names of these files contain a hash of their content.
  const kept = key.startsWith(`${scope}assets/`) ? await stored(key) : undefined;
  if (kept) return isolated(kept);
  try {
    const fresh = await fetch(event.request);
    if (fresh.ok && fresh.type === "basic" && !fresh.redirected) {
      const storing = store(key, fresh.clone());
      // The page first: deleting files of an old version must not affect files that the new one is about to fetch.
      if (key === scope) await storing;
      else event.waitUntil(storing);
    }
    return isolated(fresh);
  } catch (error) {
    const old = await stored(key);
    if (old) return isolated(old);
    throw error;
  }
}

async function keep(address: string): Promise<void> {
  const key = keyOf(address);
  if (key === undefined || (await stored(key))) return;
  const response = await fetch(key).catch(() => undefined);
  if (response?.ok && !response.redirected) await store(key, response);
}

worker.addEventListener("fetch", (event) => {
  const { method, url, headers } = event.request;
  const key = method === "GET" && !headers.has("range") ? keyOf(url) : undefined;
  if (key !== undefined) event.respondWith(answer(event, key));
});

worker.addEventListener("message", (event) => {
  const { keep: addresses } = event.data as { readonly keep?: unknown };
  if (Array.isArray(addresses)) event.waitUntil(Promise.all(addresses.map((address) => keep(String(address)))));
});
