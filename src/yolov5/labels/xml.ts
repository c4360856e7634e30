/** XML as text. */

export interface XmlElement {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, string | number>> | undefined;
  readonly content?: string | number | readonly XmlElement[] | undefined;
}

/** An element; attributes and text are escaped when it is written. */
export function element(
  name: string,
  content?: XmlElement["content"],
  attributes?: XmlElement["attributes"],
): XmlElement {
  return { name, content, attributes };
}

/** A document, indented by two spaces. */
export function xmlText(root: XmlElement): string {
  return `<?xml version="1.0" encoding="utf-8"?>\n${linesOf(root, "").join("\n")}\n`;
}

function linesOf({ name, attributes = {}, content = "" }: XmlElement, indent: string): string[] {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`);
  const open = `${indent}<${name}${pairs.join("")}`;
  if (typeof content === "object") {
    if (content.length === 0) return [`${open}/>`];
    return [`${open}>`, ...content.flatMap((child) => linesOf(child, `${indent}  `)), `${indent}</${name}>`];
  }
  const text = escaped(String(content));
  return [text === "" ? `${open}/>` : `${open}>${text}</${name}>`];
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

const reference = (character: string): string => `&#${character.charCodeAt(0)};`;

/** Half of a character. */
const LONE_SURROGATE = /\p{Cs}/gu;

/** Marks that change the direction of text, and separators, which a viewer would obey. */
const MARKS = /[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Characters that XML 1.0 forbids, even as references, become U+FFFD. */
function escaped(text: string): string {
  return text
    .replace(LONE_SURROGATE, "\ufffd")
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "")
    .replace(/[\t\n\r]/g, reference)
    .replace(MARKS, reference)
    .replace(/[\p{Cc}\ufffe\uffff]/gu, "\ufffd");
}
