/** Addresses of strangers' servers: what may be shown of them, and the header that carries their user and password. */

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
  // From the beginning of a word only, so that long ones are gone through once. To the last @ before the path, as browsers and ffmpeg split it: passwords may hold one.
  const masked = text.replace(
    /(?<![a-z\d+.-])([a-z\d+.-]+:\/\/)([^\s/?#'"]*)@/gi,
    (_, scheme: string, login: string) => {
      const colon = login.indexOf(":");
      return `${scheme}${colon < 0 ? "" : login.slice(0, colon + 1)}***@`;
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
  const login = Buffer.from(`${decoded(username)}:${decoded(password)}`, "utf8").toString("base64");
  return { url: url.href, authorization: `Basic ${login}` };
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
