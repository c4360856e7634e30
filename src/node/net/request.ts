/** One GET request as every download and look at a server makes it: user and password in a header, proxies heard. */

import { splitLogin, withoutSecrets } from "../../api/address.js";
import { closeBody, type Request } from "./answer.js";
import { proxyFor, proxySettings } from "./proxy.js";

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
  const { openThroughProxy } = await import("./proxiedRequest.js");
  return openThroughProxy(url, init, { http, https, none });
}

/** For messages: through which proxy `address` was asked for. */
export function proxyNote(address: string): string {
  const proxy = proxyFor(address, proxySettings());
  return proxy === undefined ? "" : ` through the proxy ${withoutSecrets(proxy)}`;
}
