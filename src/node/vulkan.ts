/** Whether Linux has any Vulkan driver to offer. Asked before Dawn is loaded, which prints a page of warnings without one. */

import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where the Vulkan loader looks for drivers (its documentation, "Linux driver discovery"), and where NVIDIA's containers mount theirs. */
function driverFolders(environment: NodeJS.ProcessEnv): string[] {
  const data = [
    environment.XDG_DATA_HOME ?? join(homedir(), ".local", "share"),
    ...(environment.XDG_DATA_DIRS ?? "/usr/local/share:/usr/share").split(":"),
    "/etc",
    "/usr/local/etc",
    ...(environment.XDG_CONFIG_DIRS ?? "/etc/xdg").split(":"),
    environment.XDG_CONFIG_HOME ?? join(homedir(), ".config"),
    "/usr/local/nvidia/share",
  ];
  return data.map((folder) => join(folder, "vulkan", "icd.d"));
}

function hasManifest(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.endsWith(".json"));
  } catch {
    return false;
  }
}

/** True where a driver may exist: always outside Linux, and where the user names drivers by environment. */
export function mayHaveVulkan(
  environment: NodeJS.ProcessEnv = process.env,
  platform: string = process.platform,
): boolean {
  if (platform !== "linux") return true;
  if (environment.VK_DRIVER_FILES || environment.VK_ICD_FILENAMES || environment.VK_ADD_DRIVER_FILES) return true;
  return driverFolders(environment).some(hasManifest);
}
