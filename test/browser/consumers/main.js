/** What an application of a user does: the public entry and the packaged model, through a bundler. */
import { load, loadInWorker } from "yolov5-ts";

async function run() {
  const lines = [];
  for (const open of [load, loadInWorker]) {
    const model = await open("codes.safetensors", { backend: "wasm" });
    const picture = await (await fetch("codes.png")).blob();
    const result = await model.detect(picture, { imgsz: 320 });
    // A JPEG needs the decoder that is loaded on demand.
    const drawn = await createImageBitmap(picture);
    const canvas = new OffscreenCanvas(drawn.width, drawn.height);
    canvas.getContext("2d").drawImage(drawn, 0, 0);
    const jpeg = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
    const again = await model.detect(jpeg, { imgsz: 320 });
    lines.push(`${model.device.name}: ${result.summary()} / ${again.length}`);
    model.dispose();
  }
  return lines.join("\n");
}

run().then(
  (text) => document.body.append(Object.assign(document.createElement("pre"), { id: "answer", textContent: text })),
  (error) =>
    document.body.append(Object.assign(document.createElement("pre"), { id: "answer", textContent: `${error}` })),
);
