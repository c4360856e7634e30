/** Lines and zones as the visitor has drawn them: fractions of the picture, as the command line takes them too. */

export interface Corner {
  /** 0 to 1 of the picture's width. */
  readonly x: number;
  /** 0 to 1 of the picture's height. */
  readonly y: number;
}

export interface DrawnFigure {
  readonly kind: "line" | "zone";
  readonly name: string;
  /** Two of a line; three or more of a zone. */
  readonly corners: readonly Corner[];
}

/** Bright enough for every picture, in turn. */
export const PICTURE_COLORS = [
  [255, 176, 0],
  [38, 198, 255],
  [255, 110, 180],
  [140, 230, 90],
] as const;
/** The same on the page, where they must be seen on white too. */
export const figureColor = (index: number): string => `var(--figure-${index % PICTURE_COLORS.length})`;

export const LEAST_CORNERS = { line: 2, zone: 3 } as const;
/** More would be a mistake, or somebody's joke in a link. */
export const MOST_FIGURES = 12;
const MOST_CORNERS = 40;
const MOST_LETTERS = 30;

export const withinPicture = (value: number): number => Math.min(Math.max(value, 0), 1);

const fraction = (value: number): string => String(Math.round(value * 1000) / 1000);

/** `line2`: the first name that no other figure has. */
export function freeName(kind: DrawnFigure["kind"], others: readonly DrawnFigure[]): string {
  const taken = new Set(others.map(({ name }) => name));
  for (let i = 1; ; i++) if (!taken.has(`${kind}${i}`)) return `${kind}${i}`;
}

/**
 * What the visitor typed, as a name that the command line can read.
 * @returns undefined where nothing is left, or where it would read a number.
 */
export function usableName(text: string): string | undefined {
  const name = text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, MOST_LETTERS);
  // After the points, it would be one more of them.
  return name === "" || Number.isFinite(Number(name.split(",")[0])) ? undefined : name;
}

/** `0.5,0,0.5,1,door`: the value of `--line` or `--zone`. */
export function argumentOf({ corners, name }: DrawnFigure): string {
  return [...corners.flatMap(({ x, y }) => [fraction(x), fraction(y)]), name].join(",");
}

/** @returns undefined where a text is no figure: links are strangers' words. */
export function figureFrom(kind: DrawnFigure["kind"], text: string): DrawnFigure | undefined {
  const words = text.split(",");
  const end = words.findIndex((word) => word.trim() === "" || !Number.isFinite(Number(word)));
  const numbers = words.slice(0, end < 0 ? words.length : end).map((word) => withinPicture(Number(word)));
  const name = end < 0 ? undefined : usableName(words.slice(end).join(","));
  const corners = Array.from({ length: numbers.length / 2 }, (_, i) => ({ x: numbers[2 * i], y: numbers[2 * i + 1] }));
  const count = kind === "line" ? corners.length === 2 : corners.length >= 3 && corners.length <= MOST_CORNERS;
  if (numbers.length % 2 !== 0 || !count || name === undefined) return undefined;
  const figure: DrawnFigure = { kind, name, corners };
  return hasExtent(figure) ? figure : undefined;
}

/** Whether a figure is more than a click. */
export function hasExtent({ kind, corners }: DrawnFigure): boolean {
  const [xs, ys] = [corners.map(({ x }) => x), corners.map(({ y }) => y)];
  const [width, height] = [xs, ys].map((values) => Math.max(...values) - Math.min(...values));
  return kind === "line" ? Math.hypot(width, height) > 0.02 : width > 0.01 && height > 0.01;
}

/** A word that a POSIX shell passes on as it is. */
const quoted = (word: string): string => (/^[\w.,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** `--line 0.5,0,0.5,1,door --zone …`, to be pasted into a shell. */
export function argumentsOf(figures: readonly DrawnFigure[]): string {
  return figures.map((figure) => `--${figure.kind} ${quoted(argumentOf(figure))}`).join(" ");
}
