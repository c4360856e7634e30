/**
 * The page's service worker. It adds the headers that isolate the page, and keeps the page's files for visits without a
 * network. It answers for the page and its own files alone: what else lives below its path is none of its business.
 */

/** What is used of a service worker's own globals; the page's types do not have them. */
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
/** Copies of the page on one origin keep apart. */
const CACHE = `yolov5-ts page ${scope}`;

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

/** The name under which a file of the page is kept; undefined for everything else. */
function keyOf(address: string): string | undefined {
  const { origin, pathname } = new URL(address);
  const path = origin + pathname;
  if (!path.startsWith(scope)) return undefined;
  const rest = path.slice(scope.length);
  if (rest === "" || rest === "index.html") return scope;
  return rest === "starting.js" || /^assets\/[^/]+$/.test(rest) ? path : undefined;
}

function isolated(response: Response): Response {
  // Redirects that the browser itself follows cannot be read.
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
    // Another page than before: its files have other names, and those of the old one are not needed any more.
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
  // Names of these files hold a hash of what is in them.
  const kept = key.startsWith(`${scope}assets/`) ? await stored(key) : undefined;
  if (kept) return isolated(kept);
  try {
    const fresh = await fetch(event.request);
    if (fresh.ok && fresh.type === "basic" && !fresh.redirected) {
      const storing = store(key, fresh.clone());
      // The page first: what is thrown away for a new one must not be what that one is about to fetch.
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
