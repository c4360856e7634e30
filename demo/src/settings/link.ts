/** Settings as the part of the page's address behind `#`: a link keeps them, and sends nothing to the server. */

import { argumentOf, type DrawnFigure, figureFrom, MOST_FIGURES } from "../count/figures.js";

/** What a link keeps, where it differs from the defaults. Never pictures, and no model of the visitor's. */
export interface LinkedState {
  readonly conf?: number;
  readonly iou?: number;
  readonly maxDet?: number;
  readonly imgsz?: number;
  readonly agnostic?: boolean;
  /** Indices of the classes that are kept. */
  readonly classes?: readonly number[];
  readonly track?: boolean;
  readonly backend?: string;
  readonly slice?: number;
  readonly blur?: string;
  readonly heat?: boolean;
  readonly theme?: string;
  /** The sample clip is shown. */
  readonly clip?: boolean;
  readonly figures?: readonly DrawnFigure[];
}

const NUMBERS = ["conf", "iou", "maxDet", "imgsz", "slice"] as const;
const FLAGS = ["agnostic", "track", "heat", "clip"] as const;
const WORDS = ["backend", "blur", "theme"] as const;

/** `#conf=0.4&track&line=0.5,0,0.5,1,door`; empty for the defaults. */
export function hashOf(state: LinkedState): string {
  const parts: string[] = [];
  // Commas and slashes may stand in a fragment as they are.
  const add = (name: string, value: string): void => {
    parts.push(`${name}=${encodeURIComponent(value).replaceAll("%2C", ",")}`);
  };
  for (const name of NUMBERS) if (state[name] !== undefined) add(name, String(state[name]));
  if (state.classes) add("classes", state.classes.join(","));
  for (const name of FLAGS) if (state[name]) parts.push(name);
  for (const name of WORDS) if (state[name] !== undefined) add(name, state[name]);
  for (const figure of state.figures ?? []) add(figure.kind, argumentOf(figure));
  return parts.length === 0 ? "" : `#${parts.join("&")}`;
}

/** What it does not understand it leaves out: links are strangers' words. */
export function stateFrom(hash: string): LinkedState {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const numbers = NUMBERS.flatMap((name) => {
    const value = Number(given.get(name) || Number.NaN);
    return Number.isFinite(value) ? [[name, value] as const] : [];
  });
  const flags = FLAGS.filter((name) => given.has(name)).map((name) => [name, true] as const);
  const words = WORDS.flatMap((name) => {
    const word = given.get(name);
    return word === null ? [] : [[name, word] as const];
  });
  const classes = given.get("classes")?.split(",").filter(Boolean).map(Number).filter(Number.isInteger);
  const named = new Map<string, DrawnFigure>();
  for (const [kind, value] of given) {
    const figure = kind === "line" || kind === "zone" ? figureFrom(kind, value) : undefined;
    if (figure && !named.has(figure.name)) named.set(figure.name, figure);
  }
  const state: LinkedState = Object.fromEntries([...numbers, ...flags, ...words]);
  return {
    ...state,
    ...(classes ? { classes } : {}),
    ...(named.size > 0 ? { figures: [...named.values()].slice(0, MOST_FIGURES) } : {}),
  };
}
