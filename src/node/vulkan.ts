/**
 * Checks whether Linux has a Vulkan driver and a graphics card. Called before Dawn is loaded: its native code prints
 * a page of warnings without a driver, and two lines for a software driver, which no option silences.
 */

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { homeFolder } from "./files/homeFolder.js";

/**
 * Where the Vulkan loader looks for drivers (see its documentation, "Linux driver discovery"), and where NVIDIA's
 * containers mount theirs.
 */
function driverFolders(environment: NodeJS.ProcessEnv): string[] {
  const home = homeFolder();
  const data = [
    environment.XDG_DATA_HOME ?? (home && join(home, ".local", "share")),
    ...(environment.XDG_DATA_DIRS ?? "/usr/local/share:/usr/share").split(":"),
    "/etc",
    "/usr/local/etc",
    ...(environment.XDG_CONFIG_DIRS ?? "/etc/xdg").split(":"),
    environment.XDG_CONFIG_HOME ?? (home && join(home, ".config")),
    "/usr/local/nvidia/share",
  ];
  return data.flatMap((folder) => (folder ? [join(folder, "vulkan", "icd.d")] : []));
}

/** Manifests of software drivers: Mesa's lavapipe, Google's SwiftShader. */
const SOFTWARE_DRIVER = /^lvp_|lavapipe|swiftshader/i;

/** Graphics devices below /dev: the kernel's, NVIDIA's, WSL's, and those of phones and boards. */
const GRAPHICS_DEVICE = /^(dri\/(renderD|card)|nvidia|nvgpu|nvhost|dxg$|kfd$|kgsl|mali|pvr)/;

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Driver manifests, from environment variables or in the loader's folders. */
function manifests(environment: NodeJS.ProcessEnv): string[] {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES = "" } = environment;
  const named = VK_DRIVER_FILES || VK_ICD_FILENAMES;
  const found = driverFolders(environment).flatMap(listed);
  const names = named ? named.split(":") : [...VK_ADD_DRIVER_FILES.split(":"), ...found.filter(isManifest)];
  return names.filter(Boolean).map((name) => basename(name));
}

const isManifest = (name: string): boolean => name.endsWith(".json");

/** True if a driver may exist: always outside Linux, and if environment variables name drivers. */
export function mayHaveVulkan(
  environment: NodeJS.ProcessEnv = process.env,
  platform: string = process.platform,
): boolean {
  return platform !== "linux" || manifests(environment).length > 0;
}

/**
 * False if WebGPU could only be software: there is only a software driver, or no graphics device. A driver named by
 * an environment variable may support other devices.
 * @param devices the folder of the system's devices.
 */
export function mayHaveHardware(
  environment: NodeJS.ProcessEnv = process.env,
  platform: string = process.platform,
  devices = "/dev",
): boolean {
  if (platform !== "linux") return true;
  if (manifests(environment).every((name) => SOFTWARE_DRIVER.test(name))) return false;
  if (environment.VK_DRIVER_FILES || environment.VK_ICD_FILENAMES || environment.VK_ADD_DRIVER_FILES) return true;
  const names = [...listed(devices), ...listed(join(devices, "dri")).map((name) => `dri/${name}`)];
  return names.some((name) => GRAPHICS_DEVICE.test(name));
}
