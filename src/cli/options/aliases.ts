/** Alternative flag spellings from YOLOv5's scripts; like argparse, also accepts unambiguous prefixes. */

const ALIASES: ReadonlyMap<string, string> = new Map([
  ["--img", "--imgsz"],
  ["--img-size", "--imgsz"],
  ["--image-size", "--imgsz"],
  ["--conf", "--conf-thres"],
  ["--iou", "--iou-thres"],
  ["--batch", "--batch-size"],
  ["--agnostic", "--agnostic-nms"],
  ["--no-save", "--nosave"],
  ["--no-plots", "--noplots"],
]);

/**
 * `--img 640` → `--imgsz 640`, `--conf_thres` → `--conf-thres`, `--hide-l` → `--hide-labels`; everything after `--` stays.
 * @param known the command's own flags.
 */
export function resolveAliases(argv: readonly string[], known: readonly string[] = []): string[] {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const words = argv.slice(0, end).map((word) => {
    if (!word.startsWith("--")) return word;
    const equals = word.indexOf("=");
    const flag = equals < 0 ? word : word.slice(0, equals);
    return resolveFlag(flag, known) + word.slice(flag.length);
  });
  return [...lastOnly(words, "--imgsz"), ...argv.slice(end)];
}

function resolveFlag(flag: string, known: readonly string[]): string {
  const dashed = `--${flag.slice(2).replaceAll("_", "-")}`;
  if (known.includes(dashed)) return dashed;
  const alias = ALIASES.get(dashed);
  if (alias !== undefined) return alias;
  const begun = known.filter((name) => name.startsWith(dashed));
  return begun.length === 1 ? begun[0] : flag;
}

/** Drops all but the last use of a flag: as in argparse, `--imgsz 640 --imgsz 320` means 320, never 640×320. */
function lastOnly(words: readonly string[], flag: string): string[] {
  const is = (word: string): boolean => word === flag || word.startsWith(`${flag}=`);
  const last = words.findLastIndex(is);
  let dropping = false;
  return words.filter((word, index) => {
    if (index >= last || word.startsWith("-")) dropping = index < last && is(word);
    return !dropping;
  });
}
