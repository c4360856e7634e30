/**
 * Writes src/image/jpeg/encode/encoderModule.generated.ts: the JPEG encoder's WebAssembly, in base64. Run after a change in this folder;
 * `test/image/jpeg/encode.test.ts` fails when they no longer match.
 */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));
const { outputFiles } = await build({
  entryPoints: [join(folder, "module.ts")],
  bundle: true,
  platform: "node",
  format: "esm",
  write: false,
});
const { encoderModule } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`
);
const base64 = Buffer.from(encoderModule()).toString("base64");
writeFileSync(
  join(folder, "..", "..", "src", "image", "jpeg", "encode", "encoderModule.generated.ts"),
  `/** Written by scripts/jpegEncoder/embed.mjs; do not edit. */
/** The module, in base64. */
export const WASM_BASE64 =
  "${base64}";
`,
);
