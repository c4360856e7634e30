/** Requests through proxies. A module of its own: undici is large, and is loaded where there is a proxy. */

import { EnvHttpProxyAgent, fetch } from "undici";
import { closeBody, type Request } from "./answer.js";
import type { ProxySettings } from "./proxy.js";

/**
 * The fetch of Node 20 and 22 hears no proxies, and takes agents of its own version only; this is undici's own.
 * @throws what `fetch` throws for a proxy or a server that does not answer.
 */
export async function openThroughProxy(
  url: string,
  init: { readonly signal: AbortSignal; readonly headers: Readonly<Record<string, string>> },
  { http, https, none }: ProxySettings,
): Promise<Request> {
  const dispatcher = new EnvHttpProxyAgent({
    ...(http === undefined ? {} : { httpProxy: http }),
    ...(https === undefined ? {} : { httpsProxy: https }),
    noProxy: none,
    // Plain requests are forwarded, as everybody's are; many proxies allow tunnels to port 443 only.
    proxyTunnel: false,
  });
  try {
    const answer = await fetch(url, { ...init, dispatcher });
    return {
      answer,
      close: async () => {
        await closeBody(answer);
        await dispatcher.destroy();
      },
    };
  } catch (error) {
    await dispatcher.destroy();
    throw error;
  }
}
