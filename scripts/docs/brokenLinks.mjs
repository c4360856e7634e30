/** Links and resources of a built site that lead nowhere: to no file, to no heading, out of its path, or to another server. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";

const ORIGIN = "http://site.invalid";
/** Tags whose addresses a browser fetches by itself; other servers' are errors there. */
const FETCHED = /^(?:script|link|img|source|video|iframe)$/;

/** @param {string} html @returns {{ tag: string, url: string }[]} */
function linksOf(html) {
  const text = html.replaceAll(/<script(?![^>]*\bsrc=)[^>]*>[\s\S]*?<\/script>/g, "");
  return [...text.matchAll(/<(\w+)\b[^>]*?\s(?:href|src)="([^"]*)"/g)].map(([, tag, url]) => ({
    tag,
    url: url.replaceAll("&amp;", "&"),
  }));
}

/** @param {string} html */
const anchorsOf = (html) => new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id.replaceAll("&amp;", "&")));

/**
 * @param {string} folder the built site
 * @param {string} base the path it is built for, with a slash at both ends
 * @returns {string[]} `page: address` of every broken one
 */
export function brokenLinks(folder, base) {
  const pages = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".html"));
  /** @type {Map<string, Set<string>>} */
  const anchors = new Map();
  /** @param {string} page */
  const anchorsIn = (page) => {
    const known = anchors.get(page) ?? anchorsOf(readFileSync(join(folder, page), "utf8"));
    anchors.set(page, known);
    return known;
  };

  /** @param {string} page @param {{ tag: string, url: string }} link */
  const isBroken = (page, { tag, url }) => {
    const target = new URL(url, `${ORIGIN}${base}${page}`);
    if (target.origin !== ORIGIN) return FETCHED.test(tag) && target.protocol !== "data:";
    if (!target.pathname.startsWith(base)) return true;
    const path = decodeURIComponent(target.pathname.slice(base.length));
    const file = path === "" || path.endsWith("/") ? posix.join(path, "index.html") : path;
    if (!existsSync(join(folder, file)) || !statSync(join(folder, file)).isFile()) return true;
    const anchor = decodeURIComponent(target.hash.slice(1));
    return anchor !== "" && file.endsWith(".html") && !anchorsIn(file).has(anchor);
  };

  return pages.flatMap((page) => {
    const broken = linksOf(readFileSync(join(folder, page), "utf8")).filter((link) => isBroken(page, link));
    return [...new Set(broken.map(({ url }) => `${page}: ${url}`))];
  });
}
