/** Where downloads, tuning results and compiled code are kept between runs. */

import { homedir } from "node:os";
import { join } from "node:path";

/** `$YOLOV5_CACHE`, otherwise the platform's cache folder. */
export function cacheFolder(): string {
  if (process.env.YOLOV5_CACHE) return process.env.YOLOV5_CACHE;
  if (process.platform === "win32" && process.env.LOCALAPPDATA) return join(process.env.LOCALAPPDATA, "yolov5-ts");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "yolov5-ts");
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "yolov5-ts");
}
