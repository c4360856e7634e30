/** XML files of labels: read whole, with the file and the element in every message. */

import { parseXml, type XmlElement } from "@rgrove/parse-xml";
import { DatasetError } from "../../errors.js";
import { cutText } from "../../weights/describe.js";
import { readFailure } from "../files/regularFile.js";
import { readTextFile } from "../files/textFile.js";

/**
 * The root of a file.
 * @throws DatasetError for a file that cannot be read, is not XML, or has another root.
 */
export async function readXmlFile(
  file: string,
  { root: wanted, format }: { readonly root: string; readonly format: string },
): Promise<XmlElement> {
  let text: string;
  try {
    text = await readTextFile(file);
  } catch (error) {
    throw new DatasetError(`${file}: ${readFailure(error, file)}`, { file }, { cause: error });
  }
  let root: XmlElement | null;
  try {
    root = parseXml(text).root;
  } catch (error) {
    const [message] = (error as Error).message.split("\n");
    throw new DatasetError(`${file}: is not valid XML: ${cutText(message)}`, { file }, { cause: error });
  }
  if (root?.name === wanted) return root;
  throw new DatasetError(`${file}: its root is <${cutText(root?.name ?? "")}>, not ${format}'s <${wanted}>`, { file });
}

export function childrenOf(parent: XmlElement, name: string): XmlElement[] {
  return parent.children.filter((node): node is XmlElement => "name" in node && node.name === name);
}

export const child = (parent: XmlElement, name: string): XmlElement | undefined => childrenOf(parent, name).at(0);
export const textIn = (parent: XmlElement, name: string): string => child(parent, name)?.text.trim() ?? "";

/** @throws DatasetError for anything else than a number. */
export function numberIn(parent: XmlElement | undefined, name: string, file: string): number {
  return asNumber(parent ? textIn(parent, name) : "", `<${name}>`, file);
}

/** @throws DatasetError for anything else than a number. */
export function attributeNumber(parent: XmlElement, name: string, file: string): number {
  return asNumber(attributeOf(parent, name).trim(), `${name} of <${parent.name}>`, file);
}

export const attributeOf = (parent: XmlElement, name: string): string =>
  Object.hasOwn(parent.attributes, name) ? parent.attributes[name] : "";

function asNumber(text: string, what: string, file: string): number {
  const value = text === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new DatasetError(`${file}: ${what} must be a number, got "${cutText(text)}"`, { file });
}
