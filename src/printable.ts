/** Texts that come from files of strangers (class names, file names, notes), made harmless where people or programs read them. */

/**
 * What moves the cursor, sets a window's title, starts a line, or turns the direction of text: control characters (with the
 * line and paragraph separators), the marks of bidirectional text, and what is no character.
 */
const HARMFUL = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

/** A text as part of one line: every such character, newlines among them, becomes U+FFFD. */
export function printable(text: string): string {
  return text.replace(HARMFUL, "\ufffd");
}

/** A text from elsewhere, or of ours, that may have several lines, as one line. */
export function oneLine(text: string): string {
  const lines = text.split(/[\r\n\u2028\u2029]/).map((line) => line.trim());
  return printable(lines.filter((line) => line !== "").join(" "));
}

/** A value as JSON in which such characters are escapes: the same value, and harmless on a terminal. */
export function printableJson(value: unknown): string {
  const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(HARMFUL, escaped);
}

/** A document in XML without the characters that XML has no place for, which would make it unreadable as a whole. */
export function wellFormedXml(document: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes
  return document.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\p{Cs}\ufffe\uffff]/gu, "\ufffd");
}
