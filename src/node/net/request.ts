/** The GET request behind every download: sends user and password in a header and respects proxies. */

import { splitLogin, withoutSecrets } from "../../api/address.js";
import { closeBody, type Request } from "./answer.js";
import { proxyFor, proxySettings } from "./proxy.js";

/**
 * @param address may contain user and password, which are not sent to another host on redirect.
 * @throws DownloadError for invalid proxy settings; what `fetch` throws if the server does not answer.
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

/** For messages: the proxy that was used for `address`. */
export function proxyNote(address: string): string {
  const proxy = proxyFor(address, proxySettings());
  return proxy === undefined ? "" : ` through the proxy ${withoutSecrets(proxy)}`;
}
