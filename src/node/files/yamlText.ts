/**
 * Reads YAML as PyYAML, and so YOLOv5, does where it matters: merge keys (`<<`), duplicate keys, line breaks of every
 * system, and YAML 1.1 booleans. Numbers follow YAML 1.2: dates, base-60 numbers and octal numbers without an `o` are
 * taken literally. What the parser does in quadratic time (quoting the source around each error, looking up each
 * alias's anchor) is avoided or bounded.
 */

import { type Document, isScalar, LineCounter, parseDocument, type ScalarTag, visit } from "yaml";
import { cutText } from "../../weights/describe.js";

/** To PyYAML an unquoted class name `no` is `False`, and `y` and `n` are strings. */
const TRUTH: ScalarTag = {
  tag: "tag:yaml.org,2002:bool",
  default: true,
  test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(?:yes|true|on)$/i.test(text),
};

/** Far beyond any real description. Without this limit the parser runs out of stack or memory. */
const MOST_NESTED = 500;
/** Maximum characters; the largest published data set descriptions have 50,000. */
const MOST_CHARACTERS = 2 ** 21;
const MOST_ALIASES = 1000;
/** Maximum characters of an error message, which may quote names of any length. */
const MOST_SHOWN = 200;

/** @throws Error with a one-line message for anything wrong: invalid, too long, too many aliases, too deep. */
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
      // For duplicate keys the last one wins.
      uniqueKeys: false,
      customTags: (tags) => [TRUTH, ...tags],
    });
    checkDocument(document, lines);
    return document.toJS();
  } catch (error) {
    if (error instanceof RangeError) throw new Error(TOO_DEEP, { cause: error });
    if ((error as { code?: unknown }).code === "MULTIPLE_DOCS") throw new Error(SEVERAL, { cause: error });
    const [line] = (error as Error).message.split("\n");
    throw new Error(`is not valid YAML: ${cutText(line.replace(/:$/, ""), MOST_SHOWN)}`, { cause: error });
  }
}

const TOO_DEEP = "is nested too deeply";
const SEVERAL = "contains several documents; keep the right one, without a line of --- or ... after it";

/** @throws Error for invalid YAML, a non-scalar key, or more aliases than any real description has. */
function checkDocument(document: Document.Parsed, lines: LineCounter): void {
  const [wrong] = document.errors;
  if (wrong?.code === "MULTIPLE_DOCS") throw wrong;
  // Nested by indentation alone, which is not counted before: the parser reports its full stack as an error of the text.
  if (/call stack/.test(wrong?.message ?? "")) throw new RangeError(wrong?.message);
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
      // Such a key would be converted to a string with everything in it, once per nesting level.
      if (!isScalar(key)) throw new Error("a key that is not a scalar");
    },
  });
}

/** Depth of unclosed brackets, or of nested list markers on one line. */
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
