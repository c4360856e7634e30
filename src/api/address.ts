/** Addresses: their scheme, the form that may be shown, and the header for user and password. */

import { cutText } from "../weights/describe.js";

const LONGEST_SHOWN = 400;

/** The scheme of an address in lower case, such as `blob`, `ftp` or `s3`; undefined for paths, including `C:\\…`. */
export function schemeOf(text: string): string | undefined {
  return /^\s*(?:(data|blob|file):|([a-z][a-z\d+.-]+):\/\/)/i.exec(text)?.slice(1).find(Boolean)?.toLowerCase();
}

/**
 * The name of a path or address in messages and results: without passwords, only the type of data addresses, and
 * never unbounded in length.
 */
export function nameOfAddress(text: string): string {
  if (schemeOf(text) === "data") return `${/^data:[\w.+/;=-]{0,40},/i.exec(text.trim())?.[0] ?? "data:"}…`;
  return cutText(withoutSecrets(shownAddress(text)), LONGEST_SHOWN);
}

/** `http://…` and `https://…`. */
export function isHttp(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

/** Names of query parameters that hold secrets. */
const SECRET =
  /([?&;](?:(?:login)?pass?|passw(?:or)?d|pwd|psw|secret|auth|(?:access[_-]?)?token|sig|signature|api[_-]?key|x-(?:amz|goog)-(?:signature|security-token))=)[^&;#\s'"]+/gi;

/**
 * Replaces the passwords in a text's addresses by `***`: `rtsp://me:***@host/1`. Everything that is printed, written
 * or sent passes through here, ffmpeg's messages too. A user name without a password is a token, so it is replaced as
 * well.
 */
export function withoutSecrets(text: string): string {
  // Starts only at the beginning of a word, so that long words are scanned once. Extends to the last @ before the
  // path, as browsers and ffmpeg parse it: passwords may contain one.
  const masked = text.replace(
    /(^|[^a-z\d+.-])([a-z\d+.-]+:\/\/)([^\s/?#'"]*)@/gi,
    (_, before: string, scheme: string, login: string) => {
      const colon = login.indexOf(":");
      return `${before}${scheme}${colon < 0 ? "" : login.slice(0, colon + 1)}***@`;
    },
  );
  return masked.replace(SECRET, "$1***");
}

/** The shown form of one address. If it is malformed, everything that could be a password is removed. */
export function shownAddress(address: string): string {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(address)) return address;
  const sound = URL.canParse(address);
  return withoutSecrets(sound ? address : address.replace(/^([^:]+:\/\/[^:@]*:?).*@/, "$1***@"));
}

/** An address without user and password, for file names. */
export function withoutLogin(address: string): string {
  return address.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, "$1");
}

/**
 * Moves user and password from an HTTP address to a header.
 * @throws TypeError for an invalid address.
 */
export function splitLogin(address: string): { readonly url: string; readonly authorization: string | undefined } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === "" && password === "") return { url: url.href, authorization: undefined };
  url.username = "";
  url.password = "";
  const login = new TextEncoder().encode(`${decoded(username)}:${decoded(password)}`);
  return {
    url: url.href,
    authorization: `Basic ${btoa(Array.from(login, (byte) => String.fromCharCode(byte)).join(""))}`,
  };
}

/** Decodes `p%40ss` to `p@ss`; a lone % is kept. */
function decoded(text: string): string {
  return text.replace(/(%[\da-f]{2})+/gi, (bytes) => {
    try {
      return decodeURIComponent(bytes);
    } catch {
      return bytes;
    }
  });
}
