/** YAML as PyYAML reads it where that matters: merge keys (`<<`), keys that come twice, line ends of every system. */

import { parse } from "yaml";

/** Far beyond any description; the parser's own end is the stack's or the memory's. */
const MOST_NESTED = 500;

/** @throws Error of one line, whatever is wrong: no YAML, too many aliases, too deep. */
export function parseYaml(text: string): unknown {
  if (isDeep(text)) throw new Error(TOO_DEEP);
  try {
    // Of a key that comes twice, the last one holds.
    return parse(text.replace(/\r\n?/g, "\n"), { merge: true, uniqueKeys: false, logLevel: "error" });
  } catch (error) {
    if (error instanceof RangeError) throw new Error(TOO_DEEP, { cause: error });
    if ((error as { code?: unknown }).code === "MULTIPLE_DOCS") throw new Error(SEVERAL, { cause: error });
    const [line] = (error as Error).message.split("\n");
    throw new Error(`is no valid YAML: ${line.replace(/:$/, "")}`, { cause: error });
  }
}

const TOO_DEEP = "is nested too deeply";
const SEVERAL = "holds several documents; keep the one that is meant, and no line of --- or ... after it";

/** Brackets that stay open, or markers of lists within lists on one line. */
function isDeep(text: string): boolean {
  let [open, markers] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "[" || c === "{") open++;
    else if (c === "]" || c === "}") open = Math.max(0, open - 1);
    if ((c === "-" || c === "?" || c === ":") && text[i + 1] === " ") markers++;
    else if (c !== " ") markers = 0;
    if (open > MOST_NESTED || markers > MOST_NESTED) return true;
  }
  return false;
}
