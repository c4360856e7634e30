/** Where downloads, tuning results and compiled code are kept between runs. */

import { join } from "node:path";
import { OptionError } from "../../errors.js";
import { homeFolder } from "./homeFolder.js";

/** @throws OptionError for a user without one. */
function home(): string {
  const folder = homeFolder();
  if (folder === undefined) {
    throw new OptionError("this user has no home folder to keep files in; set YOLOV5_CACHE to a folder");
  }
  return folder;
}

/** `$YOLOV5_CACHE`, otherwise the platform's cache folder. @throws OptionError for a user without a home folder. */
export function cacheFolder(): string {
  if (process.env.YOLOV5_CACHE) return process.env.YOLOV5_CACHE;
  if (process.platform === "win32" && process.env.LOCALAPPDATA) return join(process.env.LOCALAPPDATA, "yolov5-ts");
  if (process.platform === "darwin") return join(home(), "Library", "Caches", "yolov5-ts");
  return join(process.env.XDG_CACHE_HOME ?? join(home(), ".cache"), "yolov5-ts");
}
