/** Addresses: their scheme, what may be shown of them, and the header that carries user and password. */

import { cutText } from "../weights/describe.js";

const LONGEST_SHOWN = 400;

/** `blob`, `ftp`, `s3` of an address, in lower case; undefined for paths, also Windows' `C:\\…`. */
export function schemeOf(text: string): string | undefined {
  return /^\s*(?:(data|blob|file):|([a-z][a-z\d+.-]+):\/\/)/i.exec(text)?.slice(1).find(Boolean)?.toLowerCase();
}

/** A path or address as messages and results name it: without passwords, of data only their type, never without end. */
export function nameOfAddress(text: string): string {
  if (schemeOf(text) === "data") return `${/^data:[\w.+/;=-]{0,40},/i.exec(text.trim())?.[0] ?? "data:"}…`;
  return cutText(withoutSecrets(shownAddress(text)), LONGEST_SHOWN);
}

/** `http://…` and `https://…`. */
export function isHttp(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

/** Names under which addresses carry secrets in their query. */
const SECRET =
  /([?&;](?:(?:login)?pass?|passw(?:or)?d|pwd|psw|secret|auth|(?:access[_-]?)?token|sig|signature|api[_-]?key|x-(?:amz|goog)-(?:signature|security-token))=)[^&;#\s'"]+/gi;

/**
 * A text in which the passwords of addresses are `***`: `rtsp://me:***@host/1`. What is printed, written and sent on goes
 * through it, also what ffmpeg says. A user alone is a token, so it goes as well.
 */
export function withoutSecrets(text: string): string {
  // From the beginning of a word only, so that long ones are gone through once. To the last @ before the path, as browsers and
  // ffmpeg split it: passwords may hold one.
  const masked = text.replace(
    /(^|[^a-z\d+.-])([a-z\d+.-]+:\/\/)([^\s/?#'"]*)@/gi,
    (_, before: string, scheme: string, login: string) => {
      const colon = login.indexOf(":");
      return `${before}${scheme}${colon < 0 ? "" : login.slice(0, colon + 1)}***@`;
    },
  );
  return masked.replace(SECRET, "$1***");
}

/** One address as it may be shown; where it is not well formed, all that could be a password is left out. */
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
 * Takes user and password out of an HTTP address, for a header instead.
 * @throws TypeError for what is no address.
 */
export function splitLogin(address: string): { readonly url: string; readonly authorization: string | undefined } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === "" && password === "") return { url: url.href, authorization: undefined };
  url.username = "";
  url.password = "";
  const login = new TextEncoder().encode(`${decoded(username)}:${decoded(password)}`);
  return { url: url.href, authorization: `Basic ${btoa(String.fromCharCode(...login))}` };
}

/** `p%40ss` is `p@ss`; a lone % stays one. */
function decoded(text: string): string {
  return text.replace(/(%[\da-f]{2})+/gi, (bytes) => {
    try {
      return decodeURIComponent(bytes);
    } catch {
      return bytes;
    }
  });
}
