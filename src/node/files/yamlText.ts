/**
 * YAML as PyYAML, and so YOLOv5, reads it where that matters: merge keys (`<<`), keys that come twice, line ends of every system,
 * and the truth values of YAML 1.1. Numbers are those of YAML 1.2: dates, base 60 and octal numbers without an `o` stay what
 * they look like. What the parser does in quadratic time (quoting the text around each error, looking for each alias's anchor)
 * is left out or bounded.
 */

import { type Document, isScalar, LineCounter, parseDocument, type ScalarTag, visit } from "yaml";
import { cutText } from "../../weights/describe.js";

/** A class called `no` is `False` to whoever trained the model; in quotes it is itself. `y` and `n` are texts to PyYAML. */
const TRUTH: ScalarTag = {
  tag: "tag:yaml.org,2002:bool",
  default: true,
  test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(?:yes|true|on)$/i.test(text),
};

/** Far beyond any description; the parser's own end is the stack's or the memory's. */
const MOST_NESTED = 500;
/** Characters; the largest descriptions of data sets that are published have 50,000. */
const MOST_CHARACTERS = 2 ** 21;
const MOST_ALIASES = 1000;
/** Characters of a message, which may quote names of any length. */
const MOST_SHOWN = 200;

/** @throws Error of one line, whatever is wrong: no YAML, too long, too many aliases, too deep. */
export function parseYaml(text: string): unknown {
  if (text.length > MOST_CHARACTERS) throw new Error(`has more than ${MOST_CHARACTERS} characters`);
  if (isDeep(text)) throw new Error(TOO_DEEP);
  try {
    const lines = new LineCounter();
    const document = parseDocument(text.replace(/\r\n?/g, "\n"), {
      merge: true,
      logLevel: "error",
      lineCounter: lines,
      prettyErrors: false,
      // Of a key that comes twice, the last one holds.
      uniqueKeys: false,
      customTags: (tags) => [TRUTH, ...tags],
    });
    checkDocument(document, lines);
    return document.toJS();
  } catch (error) {
    if (error instanceof RangeError) throw new Error(TOO_DEEP, { cause: error });
    if ((error as { code?: unknown }).code === "MULTIPLE_DOCS") throw new Error(SEVERAL, { cause: error });
    const [line] = (error as Error).message.split("\n");
    throw new Error(`is no valid YAML: ${cutText(line.replace(/:$/, ""), MOST_SHOWN)}`, { cause: error });
  }
}

const TOO_DEEP = "is nested too deeply";
const SEVERAL = "holds several documents; keep the one that is meant, and no line of --- or ... after it";

/** @throws Error for what is no YAML, a key that is no scalar, and more aliases than any description has. */
function checkDocument(document: Document.Parsed, lines: LineCounter): void {
  const [wrong] = document.errors;
  if (wrong?.code === "MULTIPLE_DOCS") throw wrong;
  if (wrong) {
    const { line, col } = lines.linePos(wrong.pos[0]);
    throw new Error(`${wrong.message} at line ${line}, column ${col}`, { cause: wrong });
  }
  let aliases = 0;
  visit(document, {
    Alias() {
      if (++aliases > MOST_ALIASES) throw new Error(`more than ${MOST_ALIASES} aliases`);
    },
    Pair(_, { key }) {
      // Such a key becomes a text with all that it holds, once a level.
      if (!isScalar(key)) throw new Error("a key that is no scalar");
    },
  });
}

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
