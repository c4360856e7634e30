/** Packages that an install may lack: imported when they are needed, and unknown to bundlers. */

export type OptionalPackage = "gpu.js" | "harfbuzzjs" | "vega" | "webgpu";

/**
 * `import(name)` that bundlers leave as it is: they would refuse to build where the package is not installed, and cannot
 * carry its native parts. In a bundle it is looked for from where the bundle lies.
 * @throws what Node says where the package is missing.
 */
export function importOptional<Module>(name: OptionalPackage): Promise<Module> {
  return import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name);
}
