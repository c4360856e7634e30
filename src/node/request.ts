/** One GET request as every download and look at a server makes it: user and password in a header, proxies heard. */

import { splitLogin, withoutSecrets } from "./address.js";
import { proxyFor, proxySettings } from "./proxy.js";

export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStream<Uint8Array> | null;
}

export interface Request {
  readonly answer: Answer;
  /** Gives the connection back, whatever was read; to be called once the body is done with. */
  readonly close: () => Promise<void>;
}

/**
 * @param address may carry user and password, which go on to no other host that the server names.
 * @throws DownloadError for proxy settings that are none; what `fetch` throws for a server that does not answer.
 */
export async function openRequest(address: string, signal: AbortSignal): Promise<Request> {
  const { url, authorization } = splitLogin(address);
  const init = { signal, headers: authorization === undefined ? {} : { authorization } };
  const { http, https, none } = proxySettings();
  if ((http ?? https) === undefined || none === "*") {
    const answer = await fetch(url, init);
    return { answer, close: () => closeBody(answer) };
  }
  // The fetch of Node 20 and 22 hears no proxies, and takes agents of its own version only.
  const undici = await import("undici");
  const dispatcher = new undici.EnvHttpProxyAgent({
    ...(http === undefined ? {} : { httpProxy: http }),
    ...(https === undefined ? {} : { httpsProxy: https }),
    noProxy: none,
    // Plain requests are forwarded, as everybody's are; many proxies allow tunnels to port 443 only.
    proxyTunnel: false,
  });
  try {
    const answer = (await undici.fetch(url, { ...init, dispatcher })) as unknown as Answer;
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

/** For messages: through which proxy `address` was asked for. */
export function proxyNote(address: string): string {
  const proxy = proxyFor(address, proxySettings());
  return proxy === undefined ? "" : ` through the proxy ${withoutSecrets(proxy)}`;
}

/** What is not read must not keep the connection, and with it the process, open. */
async function closeBody({ body }: Answer): Promise<void> {
  await body?.cancel().catch(() => undefined);
}
