"use client";

import { useEffect, useState } from "react";
import { loadInWorker } from "yolov5-ts";

/** Imported by the server too, which renders it; the model is loaded in the browser only. */
export function Detector() {
  const [answer, setAnswer] = useState<string>();
  useEffect(() => {
    const gone = new AbortController();
    const run = async () => {
      const model = await loadInWorker("/codes.safetensors", { backend: "wasm", signal: gone.signal });
      const picture = await (await fetch("/codes.png")).blob();
      const result = await model.detect(picture, { imgsz: 320 });
      model.dispose();
      return `${model.device.name}: ${result.summary()}`;
    };
    run().then(setAnswer, (error) => {
      if (!gone.signal.aborted) setAnswer(String(error));
    });
    return () => gone.abort();
  }, []);
  return answer ? <pre id="answer">{answer}</pre> : <p>detecting</p>;
}
