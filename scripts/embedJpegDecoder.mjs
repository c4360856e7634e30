/**
 * Writes `src/image/jpeg/mozjpegWasm.generated.ts`: the decoder of the installed `@jsquash/jpeg`, deflated and in
 * base64, so that no bundler, browser or Node entry has to find a `.wasm` file. Run after changing that dependency;
 * `test/image/jpeg.test.ts` fails when the two no longer match.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "fflate";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(join(root, "package.json"));
const folder = dirname(require.resolve("@jsquash/jpeg/package.json"));
const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const wasm = readFileSync(join(folder, "codec", "dec", "mozjpeg_dec.wasm"));
const base64 = Buffer.from(deflateSync(wasm, { level: 9, mem: 12 })).toString("base64");

writeFileSync(
  join(root, "src", "image", "jpeg", "mozjpegWasm.generated.ts"),
  `/** mozjpeg_dec.wasm of @jsquash/jpeg ${version} (Apache-2.0; the codec: BSD-like, see THIRD_PARTY.md). */
/** Written by scripts/embedJpegDecoder.mjs; do not edit. */
export const MOZJPEG_WASM_BYTES = ${wasm.length};
/** The module, deflated (raw), in base64. */
export const MOZJPEG_WASM_BASE64 =
  "${base64}";
`,
);
