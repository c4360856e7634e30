/**
 * What a server does with the package, one line of JSON: the embedded model, pictures of every decoder, a data set described
 * in YAML, a picture through a proxy, and what an absent optional package says. Argument: the folder with the inputs.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { load, openDataset } from "yolov5-ts";

const folder = process.argv[2];
const picture = readFileSync(join(folder, "codes.png"));

/** A proxy that knows one picture, whatever it is asked for. */
function startProxy() {
  const server = createServer((_, answer) => answer.end(picture));
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)).unref());
}

async function run() {
  const model = await load(process.argv[3], { backend: "wasm" });
  const names = readdirSync(join(folder, "pictures")).sort();
  const sizes = {};
  for (const name of names) {
    const { width, height } = await model.detect(join(folder, "pictures", name));
    sizes[name] = `${width}x${height}`;
  }
  const { detections } = await model.detect(join(folder, "codes.png"));
  const { samples } = await openDataset(join(folder, "set/data.yaml"), { names: model.names });
  const proxy = await startProxy();
  process.env.HTTP_PROXY = `http://127.0.0.1:${proxy.address().port}`;
  const remote = await model.detect("http://pictures.invalid/codes.png");
  proxy.close();
  model.dispose();
  const optional = await load("codes", { backend: "gpujs" }).then(
    (found) => found.dispose(),
    (error) => error.message,
  );
  return { detections: detections.length, sizes, samples: samples.length, remote: remote.detections.length, optional };
}

run().then(
  (found) => console.log(JSON.stringify(found)),
  (error) => {
    console.log(`${error.name}: ${error.message}`);
    process.exitCode = 1;
  },
);
