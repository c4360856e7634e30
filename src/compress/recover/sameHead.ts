/** Whether a student can give what its teacher gives: the maps of both heads must mean the same, number by number. */

import { UnsupportedError } from "../../errors.js";
import type { HeadMaps } from "../headMaps.js";

/** File names, for the message. */
export interface PairNames {
  readonly teacher: string;
  readonly student: string;
}

/** Anchors in float16 files are rounded. */
const ANCHOR_TOLERANCE = 2e-3;

/** @throws UnsupportedError with both files and the first thing that differs. */
export function assertSameHead(
  teacher: HeadMaps,
  student: HeadMaps,
  names: PairNames = { teacher: "the teacher", student: "the student" },
): void {
  const [wanted, own] = [factsOf(teacher), factsOf(student)];
  for (const [what, value] of wanted) {
    const other = own.get(what) ?? [];
    if (equal(value, other)) continue;
    const text = (facts: Fact): string => (facts.length > 0 ? facts.flat().join(", ") : "none");
    throw new UnsupportedError(
      `${names.student}: cannot learn from ${names.teacher}, whose head has other ${what} (student: ${text(other)}; teacher: ${text(value)}); give a student with the same`,
      { what, ...names },
    );
  }
}

type Fact = readonly (number | string | readonly number[])[];

/** In the order in which a difference is easiest to understand. */
function factsOf({ head, graph, neck }: HeadMaps): ReadonlyMap<string, Fact> {
  const facts = new Map<string, Fact>();
  facts.set("boxes", [head.type === "detect" ? "with anchors" : "without anchors"]);
  if (head.type === "detect") {
    const { outputs, maskCoefficients } = head.attrs;
    facts.set("classes", [outputs - 5 - maskCoefficients]);
    facts.set("strides", head.attrs.strides);
    facts.set("anchors", head.attrs.anchors);
    facts.set("mask coefficients", [maskCoefficients]);
  } else {
    const { strides, bins, classes, extras, keypointSize, corners } = head.attrs;
    facts.set("classes", [classes]);
    facts.set("strides", strides);
    facts.set("bins of a side", [bins.length]);
    facts.set("numbers beside boxes and classes", [extras]);
    facts.set("numbers of a keypoint", [keypointSize]);
    facts.set("boxes of a selection", [corners ? "corners" : "centres"]);
  }
  facts.set(
    "maps",
    graph.outputs.slice(0, graph.outputs.length - neck.length).map((id) => graph.values[id].shape.slice(1).join("×")),
  );
  return facts;
}

function equal(a: Fact, b: Fact): boolean {
  const [left, right] = [a.flat(), b.flat()];
  const same = (x: number | string, y: number | string): boolean =>
    x === y || (typeof x === "number" && typeof y === "number" && Math.abs(x - y) <= ANCHOR_TOLERANCE * Math.abs(x));
  return a.length === b.length && left.length === right.length && left.every((value, i) => same(value, right[i]));
}
