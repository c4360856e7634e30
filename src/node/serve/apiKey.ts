/** The API key of a server, compared in constant time. */

import { createHash, timingSafeEqual } from "node:crypto";
import { RequestError } from "./requestError.js";

export type CheckKey = (authorization: string | undefined, key: string | undefined) => void;

/** @returns throws RequestError 401 unless one of both carries the key. */
export function keyCheck(apiKey: string | undefined): CheckKey {
  if (apiKey === undefined) return () => undefined;
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const wanted = digest(apiKey);
  return (authorization = "", key = "") => {
    const bearer = /^Bearer +(.*)$/i.exec(authorization)?.[1];
    if (timingSafeEqual(digest(bearer ?? key), wanted)) return;
    throw new RequestError(
      401,
      "key",
      "the API key is missing or wrong; send it as Authorization: Bearer KEY or X-API-Key: KEY",
    );
  };
}
