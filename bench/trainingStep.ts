/**
 * Time of a step of `compress --recover` next to that of the inference of its pictures: median milliseconds of each part, with the
 * network as its own teacher.
 *
 *   npx esbuild bench/trainingStep.ts --bundle --platform=node --format=esm --outfile=.cache/trainingStep.mjs
 *   node .cache/trainingStep.mjs yolov5n.pt [side] [batch] [threads]
 */

import { readFile } from "node:fs/promises";
import { headMaps } from "../src/compress/headMaps.js";
import { adamWState, adamWStep, globalNorm, relativeRates } from "../src/compress/recover/adamw.js";
import { distillationLoss } from "../src/compress/recover/loss.js";
import { studentOf } from "../src/compress/recover/student.js";
import { openWasmTrainer } from "../src/node/trainers.js";
import { openWasm } from "../src/node/wasm.js";
import { seededRandom, tensor } from "../src/tensor/index.js";
import { openModel } from "../src/yolov5/loadModel.js";

const STEPS = 20;
const SETTINGS = { beta1: 0.9, beta2: 0.99, epsilon: 1e-10, weightDecay: 0 };

const [path = "../shared/weights/yolov5n.pt", side = "320", batch = "4", threads = "2"] = process.argv.slice(2);
const shape = [Number(batch), 3, Number(side), Number(side)] as const;
const { module } = openModel(await readFile(path), { path });
const student = studentOf(module, shape);
const backend = await openWasm({ threads: Number(threads) });
const teacher = await backend.compile(headMaps(module, shape).graph);
const trainer = await openWasmTrainer(student.training, { threads: Number(threads) });
const { graph, head } = student;
const shapes = graph.outputs.map((id) => graph.values[id].shape);
const [state, rates] = [adamWState(trainer.parameters), relativeRates(trainer.parameters)];
const random = seededRandom(1);
const input = Float32Array.from({ length: shape[0] * 3 * shape[2] * shape[3] }, () => random());

const parts = ["teacher", "forward", "loss", "backward", "optimiser", "update"] as const;
const times = parts.map((): number[] => []);
for (let step = 0; step < STEPS; step++) {
  let part = 0;
  let last = performance.now();
  const tick = (): void => {
    const now = performance.now();
    times[part++].push(now - last);
    last = now;
  };
  const wanted = (await teacher.run([tensor("float32", shape, input)])).map(({ data }) => data as Float32Array);
  tick();
  const given = await trainer.forward([input]);
  tick();
  const { seeds } = distillationLoss(head, shapes, wanted, given);
  tick();
  const gradients = await trainer.backward(seeds);
  tick();
  const scale = Math.min(1, 10 / globalNorm(gradients));
  adamWStep(trainer.parameters, gradients, state, SETTINGS, { learningRate: 0, scale, average: 0.98, rates });
  tick();
  await trainer.update();
  tick();
}
const medians = times.map((own) => own.sort((a, b) => a - b)[STEPS >> 1]);
for (const [i, name] of parts.entries()) console.log(`${name.padEnd(10)} ${medians[i].toFixed(1)} ms`);
const whole = medians.reduce((a, b) => a + b, 0);
console.log(
  `step       ${whole.toFixed(1)} ms, ${(whole / (2 * medians[0])).toFixed(2)} x the inference by both networks`,
);
trainer.dispose();
backend.dispose();
