/** Requests through proxies. A separate module, since undici is large and only loaded if there is a proxy. */

import { EnvHttpProxyAgent, fetch } from "undici";
import { closeBody, type Request } from "./answer.js";
import type { ProxySettings } from "./proxy.js";

/**
 * Node's own fetch in versions 20 and 22 ignores proxies and accepts only agents of its own version, so this uses
 * undici's.
 * @throws what `fetch` throws if the proxy or the server does not answer.
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
    // Plain HTTP requests are forwarded, as is usual; many proxies allow tunnels only to port 443.
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
