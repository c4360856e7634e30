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
  const end = argv.indexOf("--");
  return argv.map((word, index) => {
    if (end >= 0 && index >= end) return word;
    const equals = word.indexOf("=");
    const flag = equals < 0 ? word : word.slice(0, equals);
    const known = ALIASES.get(flag);
    return known === undefined ? word : known + word.slice(flag.length);
  });
}
