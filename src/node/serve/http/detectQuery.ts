/** The query of `/detect` → options. Clients are not trusted: every value is checked, and unknown names are refused. */

import { THEME_NAMES } from "../../../image/draw/theme.js";
import { RequestError } from "../requestError.js";
import type { Annotation, DetectJob } from "../work/jobs.js";

export interface DetectQuery {
  readonly model: string | undefined;
  readonly version: string | undefined;
  readonly options: DetectJob["options"];
  readonly annotate: Annotation | undefined;
}

type Parse = (text: string, name: string) => unknown;

const bad = (name: string, wanted: string, text: string): RequestError =>
  new RequestError(400, "request", `${name} must be ${wanted}, got ${JSON.stringify(text.slice(0, 60))}`);

const number: Parse = (text, name) => {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw bad(name, "a number", text);
  return value;
};
const flag: Parse = (text, name) => {
  if (/^(?:true|1|)$/.test(text)) return true;
  if (/^(?:false|0)$/.test(text)) return false;
  throw bad(name, "true or false", text);
};
const numbers: Parse = (text, name) => text.split(",").map((part) => number(part, name));

/** Options of the library, and how their text is parsed. */
const OPTIONS: Readonly<Record<string, Parse>> = {
  conf: number,
  iou: number,
  maxDet: number,
  classes: numbers,
  agnostic: flag,
  multiLabel: flag,
  augment: flag,
  retinaMasks: flag,
  square: flag,
};
const theme: Parse = (text, name) => {
  if (THEME_NAMES.some((one) => one === text)) return text;
  throw bad(name, THEME_NAMES.join(", "), text);
};
const STYLE: Readonly<Record<string, Parse>> = { theme, lineThickness: number, hideLabels: flag, hideConf: flag };
const FORMATS: ReadonlyMap<string, Annotation["format"]> = new Map([
  ["jpeg", "jpg"],
  ["jpg", "jpg"],
  ["png", "png"],
]);

/** Names in the query of `/detect`. */
export const QUERY_NAMES = ["model", "version", "annotate", "imgsz", ...Object.keys(OPTIONS), ...Object.keys(STYLE)];

/**
 * @param given names and values, each name once.
 * @throws RequestError 400.
 */
export function detectQuery(given: Iterable<readonly [string, string]>): DetectQuery {
  const values = new Map<string, string>();
  for (const [name, value] of given) {
    if (!QUERY_NAMES.includes(name)) {
      throw new RequestError(
        400,
        "request",
        `there is no option ${JSON.stringify(name.slice(0, 60))}; the options are ${QUERY_NAMES.join(", ")}`,
      );
    }
    if (values.has(name)) throw new RequestError(400, "request", `${name} is given twice`);
    values.set(name, value);
  }
  const parsed = (table: Readonly<Record<string, Parse>>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(table).flatMap(([name, parse]) => {
        const text = values.get(name);
        return text === undefined ? [] : [[name, parse(text, name)]];
      }),
    );
  const annotate = values.get("annotate");
  const format = annotate === undefined ? undefined : FORMATS.get(annotate);
  if (annotate !== undefined && format === undefined) throw bad("annotate", "jpeg or png", annotate);
  const imgsz = values.get("imgsz");
  return {
    model: values.get("model"),
    version: values.get("version"),
    options: { ...parsed(OPTIONS), ...(imgsz === undefined ? {} : { imgsz: sizeOf(imgsz) }) },
    annotate: format && { format, ...parsed(STYLE) },
  };
}

/** `640` or `height,width`. */
function sizeOf(text: string): number | readonly [number, number] {
  const [h, w, ...others] = numbers(text, "imgsz") as readonly number[];
  if (others.length > 0) throw bad("imgsz", "one size, or height,width", text);
  return w === undefined ? h : [h, w];
}
