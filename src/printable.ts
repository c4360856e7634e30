/** Makes untrusted text (class names, file names, notes) safe for people and programs to read. */

/**
 * Characters that move the cursor, set a window's title, start a line or change the direction of text: control
 * characters (including line and paragraph separators), bidirectional marks, and noncharacters.
 */
const HARMFUL = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

/** Text as part of one line: every such character, including newlines, becomes U+FFFD. */
export function printable(text: string): string {
  return text.replace(HARMFUL, "\ufffd");
}

/** Joins text that may have several lines into one line. */
export function oneLine(text: string): string {
  const lines = text.split(/[\r\n\u2028\u2029]/).map((line) => line.trim());
  return printable(lines.filter((line) => line !== "").join(" "));
}

/**
 * JSON in which such characters are escaped: the same value, safe on a terminal.
 * @param indent spaces for each level; 0: all in one line.
 */
export function printableJson(value: unknown, indent = 0): string {
  // Line breaks within strings are escaped already: those that are left separate the lines.
  const escaped = (c: string): string => (c === "\n" ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return JSON.stringify(value, undefined, indent).replace(HARMFUL, escaped);
}

/** Removes characters that are not allowed in XML and would make the whole document unreadable. */
export function wellFormedXml(document: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes
  return document.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\p{Cs}\ufffe\uffff]/gu, "\ufffd");
}
