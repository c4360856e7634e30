/** `--tune`: a bar while kernels are measured, one line with what came of it. */

import { tuningPath } from "../node/tuningStore.js";
import type { TuneOptions } from "../runtime/backend.js";
import type { Output } from "./output.js";
import { type Bar, openBar } from "./progress.js";

export const TUNE_HELP = "WebGPU: measure which kernels are the fastest on this device; kept for later runs";

export function tuneWithBar(output: Output): TuneOptions {
  let bar: Promise<Bar> | undefined;
  const end = async (): Promise<void> => {
    (await bar)?.stop();
    bar = undefined;
  };
  return {
    signal: output.io.signal,
    onProgress({ done, total, kernel }) {
      bar ??= openBar(output, total, "tuning {bar} {value}/{total} {kernel}", { kernel });
      void bar.then((shown) => shown.update(done, { kernel }));
    },
    onReport({ shapes, changed, usualMs, tunedMs, rejected, complete }) {
      void end();
      if (shapes === 0) output.line("Tuned:   all convolutions of this size were measured before");
      else {
        const times = `${usualMs.toFixed(2)} → ${tunedMs.toFixed(2)} ms`;
        output.line(
          `Tuned:   ${changed} of ${shapes} convolutions got another kernel (${times}), kept in ${tuningPath()}`,
        );
      }
      if (!complete) output.line("note: tuning ran out of time; the next --tune goes on with the rest");
      if (rejected.length > 0)
        output.warn(`tuning: wrong numbers, or none, on this device from ${rejected.join(", ")}; not used`);
    },
  };
}
