/**
 * Writes the `*Wasm.generated.ts` files of src/image: the decoders of the installed `@jsquash` packages, deflated and
 * in base64, so that no bundler, browser or Node entry has to find a `.wasm` file. Run after changing one of those
 * dependencies; `test/image/jpeg.test.ts` fails when they no longer match.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "fflate";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(join(root, "package.json"));

for (const { name, codec, target } of [
  { name: "@jsquash/jpeg", codec: "mozjpeg_dec", target: "jpeg/mozjpegWasm" },
  { name: "@jsquash/webp", codec: "webp_dec", target: "webp/webpWasm" },
  { name: "@jsquash/avif", codec: "avif_dec", target: "avif/avifWasm" },
]) {
  const folder = dirname(require.resolve(`${name}/package.json`));
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const wasm = readFileSync(join(folder, "codec", "dec", `${codec}.wasm`));
  const base64 = Buffer.from(deflateSync(wasm, { level: 9, mem: 12 })).toString("base64");
  writeFileSync(
    join(root, "src", "image", `${target}.generated.ts`),
    `/** ${codec}.wasm of ${name} ${version} (Apache-2.0; for the codec's own licence see THIRD_PARTY.md). */
/** Written by scripts/embedDecoders.mjs; do not edit. */
export const WASM_BYTES = ${wasm.length};
/** The module, deflated (raw), in base64. */
export const WASM_BASE64 =
  "${base64}";
`,
  );
}
