/** `--tune`: a bar while kernels are measured, then one line with the result. */

import { tuningPath } from "../node/tuningStore.js";
import type { TuneOptions } from "../runtime/backend.js";
import type { Output } from "./output.js";
import { type Bar, openBar } from "./progress.js";

export const TUNE_HELP = "WebGPU: find the fastest kernels for this device by measuring; saved for later runs";

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
      if (shapes === 0) output.line("Tuned:   all convolutions of this size have been measured before");
      else {
        const times = `${usualMs.toFixed(2)} → ${tunedMs.toFixed(2)} ms`;
        output.line(
          `Tuned:   ${changed} of ${shapes} convolutions use another kernel now (${times}), saved in ${tuningPath()}`,
        );
      }
      if (!complete) output.line("note: tuning ran out of time; the next --tune continues with the rest");
      if (rejected.length > 0)
        output.warn(`tuning: wrong or missing results on this device from ${rejected.join(", ")}; not used`);
    },
  };
}
