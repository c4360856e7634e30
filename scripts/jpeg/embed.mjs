/**
 * Writes the JPEG encoder's and decoder's WebAssembly, in base64, below src/image/jpeg. Run after a change in this folder; tests in
 * test/image/jpeg fail when they no longer match.
 */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));
const target = join(folder, "..", "..", "src", "image", "jpeg");

/** @param {string} name of the file and of the function that gives the module. */
async function embed(name, to) {
  const { outputFiles } = await build({
    entryPoints: [join(folder, `${name}.ts`)],
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  const module = (await import(`data:text/javascript;base64,${code}`))[`${name}Module`]();
  writeFileSync(
    join(target, to, `${name}Module.generated.ts`),
    `/** Written by scripts/jpeg/embed.mjs; do not edit. */
/** The module, in base64. */
export const WASM_BASE64 =
  "${Buffer.from(module).toString("base64")}";
`,
  );
}

await embed("encoder", "encode");
await embed("decoder", "baseline");
