/** Other spellings of flags that users of detect.py and val.py type (argparse also accepts unique beginnings). */

const ALIASES: ReadonlyMap<string, string> = new Map([
  ["--img", "--imgsz"],
  ["--img-size", "--imgsz"],
  ["--device", "--backend"],
  ["--conf", "--conf-thres"],
  ["--iou", "--iou-thres"],
  ["--batch", "--batch-size"],
  ["--agnostic", "--agnostic-nms"],
]);

/** `--img 640` → `--imgsz 640`; everything after `--` stays. */
export function resolveAliases(argv: readonly string[]): string[] {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const words = argv.slice(0, end).map((word) => {
    const equals = word.indexOf("=");
    const flag = equals < 0 ? word : word.slice(0, equals);
    const known = ALIASES.get(flag);
    return known === undefined ? word : known + word.slice(flag.length);
  });
  return [...lastOnly(words, "--imgsz"), ...argv.slice(end)];
}

/** Drops all but the last use of a flag: `--imgsz 640 --imgsz 320` is 320, as in argparse, and never 640×320. */
function lastOnly(words: readonly string[], flag: string): string[] {
  const is = (word: string): boolean => word === flag || word.startsWith(`${flag}=`);
  const last = words.findLastIndex(is);
  let dropping = false;
  return words.filter((word, index) => {
    if (index >= last || word.startsWith("-")) dropping = index < last && is(word);
    return !dropping;
  });
}
