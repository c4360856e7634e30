/** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in upper or lower case, for our own requests and for ffmpeg's. */

import { withoutSecrets } from "../../api/address.js";
import { DownloadError } from "../../errors.js";

export interface ProxySettings {
  readonly http: string | undefined;
  /** As in ffmpeg, `HTTP_PROXY` also applies to https if `HTTPS_PROXY` is not set. */
  readonly https: string | undefined;
  /** Hosts to connect to directly: `localhost,.example.org,10.0.0.1:8080`, or `*` for all. */
  readonly none: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws DownloadError for a value that is not the address of an HTTP proxy. */
export function proxySettings(env: Environment = process.env): ProxySettings {
  const http = proxyOf(env, "http_proxy");
  const https = proxyOf(env, "https_proxy") ?? http;
  const none = (setting(env, "no_proxy") ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  return { http, https, none: none.includes("*") ? "*" : none.join(",") };
}

/** Lower case takes precedence, as in curl, Python and Node. */
function setting(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || env[name.toUpperCase()]?.trim() || undefined;
}

function proxyOf(env: Environment, name: string): string | undefined {
  const value = setting(env, name);
  if (value === undefined) return undefined;
  const address = /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (URL.canParse(address) && /^https?:/i.test(address)) return address;
  const shown = withoutSecrets(address.replace(/^([a-z][a-z\d+.-]*:\/\/[^:@]*:?).*@/i, "$1***@"));
  throw new DownloadError(
    `${name.toUpperCase()}: ${JSON.stringify(shown)} is not an HTTP proxy; write it as http://host:port, or unset it`,
    { proxy: shown },
  );
}

/** The proxy for requests to `address`; undefined for a direct connection. */
export function proxyFor(address: string, { http, https, none }: ProxySettings): string | undefined {
  const { protocol, hostname } = new URL(address);
  const proxy = protocol === "https:" ? https : http;
  if (none === "*") return undefined;
  const direct = directHosts(address, none).some((host) => hostname === host || hostname.endsWith(`.${host}`));
  return direct ? undefined : proxy;
}

/**
 * The environment for an ffmpeg that opens `address`. ffmpeg only knows `http_proxy`, for https too, and no ports in
 * `no_proxy`.
 * @throws DownloadError for a value that is not the address of an HTTP proxy.
 */
export function ffmpegEnvironment(address: string, env: Environment = process.env): Environment {
  const settings = proxySettings(env);
  const { http_proxy: _, no_proxy: __, ...rest } = env;
  const proxy = proxyFor(address, settings);
  if (proxy === undefined) return rest;
  return { ...rest, http_proxy: proxy, no_proxy: directHosts(address, settings.none).join(",") };
}

/** The hosts in `NO_PROXY` that apply to the port of `address`. */
function directHosts(address: string, none: string): string[] {
  const { port, protocol } = new URL(address);
  const own = port || (protocol === "https:" ? "443" : "80");
  return none.split(",").flatMap((entry) => {
    const [, host = entry, only] = /^(.+?)(?::(\d+))?$/.exec(entry) ?? [];
    const name = host.replace(/^\*?\./, "").toLowerCase();
    return name !== "" && (only === undefined || only === own) ? [name] : [];
  });
}
