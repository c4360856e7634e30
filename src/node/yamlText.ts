/**
 * YAML as PyYAML, and so YOLOv5, reads it where that matters: merge keys (`<<`), keys that come twice, line ends of every system,
 * and the truth values of YAML 1.1. Numbers are those of YAML 1.2: dates, base 60 and octal numbers without an `o` stay what
 * they look like.
 */

import { parse, type ScalarTag, type Tags } from "yaml";

/** A class called `no` is `False` to whoever trained the model; in quotes it is itself. `y` and `n` are texts to PyYAML. */
const TRUTH: ScalarTag = {
  tag: "tag:yaml.org,2002:bool",
  default: true,
  test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(?:yes|true|on)$/i.test(text),
};

/** Far beyond any description; the parser's own end is the stack's or the memory's. */
const MOST_NESTED = 500;

/** @throws Error of one line, whatever is wrong: no YAML, too many aliases, too deep. */
export function parseYaml(text: string): unknown {
  if (isDeep(text)) throw new Error(TOO_DEEP);
  try {
    const customTags = (tags: Tags): Tags => [TRUTH, ...tags];
    // Of a key that comes twice, the last one holds.
    return parse(text.replace(/\r\n?/g, "\n"), { merge: true, uniqueKeys: false, logLevel: "error", customTags });
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
