/** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, upper or lower case: read once, for our own requests and for ffmpeg's. */

import { withoutSecrets } from "../../api/address.js";
import { DownloadError } from "../../errors.js";

export interface ProxySettings {
  readonly http: string | undefined;
  /** As ffmpeg does, `HTTP_PROXY` holds for https where `HTTPS_PROXY` says nothing. */
  readonly https: string | undefined;
  /** Hosts that are asked directly: `localhost,.example.org,10.0.0.1:8080`, `*` for all. */
  readonly none: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws DownloadError for a value that is no address of an HTTP proxy. */
export function proxySettings(env: Environment = process.env): ProxySettings {
  const http = proxyOf(env, "http_proxy");
  const https = proxyOf(env, "https_proxy") ?? http;
  const none = (setting(env, "no_proxy") ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  return { http, https, none: none.includes("*") ? "*" : none.join(",") };
}

/** Lower case first, as curl, Python and Node do. */
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
    `${name.toUpperCase()}: ${JSON.stringify(shown)} is no HTTP proxy; write it as http://host:port, or unset it`,
    { proxy: shown },
  );
}

/** The proxy that a request for `address` goes through, undefined where it goes directly. */
export function proxyFor(address: string, { http, https, none }: ProxySettings): string | undefined {
  const { protocol, hostname } = new URL(address);
  const proxy = protocol === "https:" ? https : http;
  if (none === "*") return undefined;
  const direct = directHosts(address, none).some((host) => hostname === host || hostname.endsWith(`.${host}`));
  return direct ? undefined : proxy;
}

/**
 * The environment for an ffmpeg that opens `address`: it knows `http_proxy` alone, for https too, and in `no_proxy` no ports.
 * @throws DownloadError for a value that is no address of an HTTP proxy.
 */
export function ffmpegEnvironment(address: string, env: Environment = process.env): Environment {
  const settings = proxySettings(env);
  const { http_proxy: _, no_proxy: __, ...rest } = env;
  const proxy = proxyFor(address, settings);
  if (proxy === undefined) return rest;
  return { ...rest, http_proxy: proxy, no_proxy: directHosts(address, settings.none).join(",") };
}

/** The hosts of `NO_PROXY` that hold for the port of `address`. */
function directHosts(address: string, none: string): string[] {
  const { port, protocol } = new URL(address);
  const own = port || (protocol === "https:" ? "443" : "80");
  return none.split(",").flatMap((entry) => {
    const [, host = entry, only] = /^(.+?)(?::(\d+))?$/.exec(entry) ?? [];
    const name = host.replace(/^\*?\./, "").toLowerCase();
    return name !== "" && (only === undefined || only === own) ? [name] : [];
  });
}
