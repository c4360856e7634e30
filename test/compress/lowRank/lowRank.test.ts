/** Convolutions replaced by two: the same network at full rank, and the least harm at lower ones. */

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Breather } from "../../../src/breathe.js";
import { calibrationInputs } from "../../../src/compress/calibration/pictures.js";
import { channelStatistics } from "../../../src/compress/calibration/regression.js";
import { headMaps } from "../../../src/compress/headMaps.js";
import { ChannelPruner, moduleFlops, outputErrorOf } from "../../../src/compress/index.js";
import { basisOf, factorsOf } from "../../../src/compress/lowRank/basis.js";
import { type Factorable, type Factors, factorableLayers, withFactors } from "../../../src/compress/lowRank/layers.js";
import { LowRankFactorizer } from "../../../src/compress/lowRank/lowRankFactorizer.js";
import { outputGradients } from "../../../src/compress/lowRank/responses.js";
import { studentOf } from "../../../src/compress/recover/student.js";
import { openDataset } from "../../../src/node/datasets/open.js";
import { openWasmTrainer } from "../../../src/node/trainers.js";
import { openWasm } from "../../../src/node/wasm.js";
import type { Backend } from "../../../src/runtime/backend.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { compare, type Float32Tensor, seededRandom, tensor, toFloat32 } from "../../../src/tensor/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { exportSafetensors } from "../../../src/yolov5/checkpoint/exportSafetensors.js";
import { createMember, type OpenedModel, openModel } from "../../../src/yolov5/loadModel.js";
import { referencePath } from "../../support/reference.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";
import { codes, noise, outputsOf } from "../support.js";

const gpu = await webgpuOrSkip();
let backend: Backend;
beforeAll(async () => {
  backend = await openWasm({ threads: 1 });
});
afterAll(() => backend.dispose());

const breather = new Breather();
const openTrainer = (graph: Parameters<typeof openWasmTrainer>[0], options = {}) =>
  openWasmTrainer(graph, { threads: 1, ...options });

/** Every layer that can be, at a share of its rank, in plain principal directions of random numbers. */
async function factored(module: ModuleNode, share: number): Promise<{ module: ModuleNode; layers: Factorable[] }> {
  const layers = factorableLayers(module, headMaps(module, [1, 3, 64, 64]));
  const random = seededRandom(2);
  const pairs = new Map<Factorable, Factors>();
  for (const layer of layers) {
    const n = layer.outputs;
    const maps = [
      tensor(
        "float32",
        [1, n, 8, 2 * n],
        Float32Array.from({ length: 16 * n * n }, () => random()),
      ),
    ];
    const bias = layer.module.parameters.get("bias");
    const basis = await basisOf(await channelStatistics(maps, breather), new Float64Array(n * n), breather);
    const rank = Math.ceil(share * n);
    pairs.set(layer, await factorsOf(layer, basis, rank, bias && toFloat32(bias).data, breather));
  }
  return { module: withFactors(module, pairs), layers };
}

const zoo = ["bifpn", "ghost", "csp", "focus-spp", "transformer", "v3-tiny", "v3-spp", "leaky", "seg", "p34"];
const others = ["formats/already-fused", "anchor-free/v8", "anchor-free/11", "anchor-free/26"];
const files = [...zoo.map((name) => `zoo/${name}`), ...others];

describe("at full rank a network gives the same", () => {
  async function check({ module }: OpenedModel): Promise<void> {
    // In float32: halves would round the pairs.
    const { module: pairs, layers } = await factored(asFloat32(module), 1);
    expect(layers.length).toBeGreaterThan(2);
    const input = noise(64, 64);
    const expected = await outputsOf(module, backend, input);
    for (const [i, output] of (await outputsOf(pairs, backend, input)).entries()) {
      // Weights of both parts are rounded to float32; deep networks amplify that.
      expect(compare(output, expected[i]).nmse).toBeLessThan(1e-8);
    }
  }
  test("codes", () => check(codes()));
  test.each(files)("%s", async (name) => {
    const path = referencePath("weights", `${name}.pt`);
    if (path) await check(openModel(readFileSync(path), { path: name }));
  });
});

function asFloat32(module: ModuleNode): ModuleNode {
  const parts = (tensors: ModuleNode["parameters"]) =>
    new Map([...tensors].map(([k, v]) => [k, v.dtype === "float16" ? toFloat32(v) : v]));
  return {
    ...module,
    parameters: parts(module.parameters),
    buffers: parts(module.buffers),
    children: new Map([...module.children].map(([name, child]) => [name, asFloat32(child)])),
  };
}

describe("a basis", () => {
  const n = 12;
  const random = seededRandom(4);
  /** Channels that depend on each other, each with a mean of its own. */
  const mixed = (count: number): Float32Array => {
    const mix = Float64Array.from({ length: n * n }, () => random() - 0.5);
    const parts = Float64Array.from({ length: n * count }, () => random());
    const data = new Float32Array(n * count);
    for (let c = 0; c < n; c++) {
      for (let k = 0; k < n; k++) {
        for (let p = 0; p < count; p++) data[c * count + p] += mix[c * n + k] * parts[k * count + p];
      }
    }
    return data;
  };

  test("of all directions gives every vector back, and energies are what is lost in the metric", async () => {
    const count = 4096;
    const { mean, covariance } = await channelStatistics([tensor("float32", [1, n, 64, 64], mixed(count))], breather);
    const g = Float64Array.from({ length: n * n }, () => random() - 0.5);
    const gradients = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) for (let k = 0; k < n; k++) gradients[i * n + j] += g[i * n + k] * g[j * n + k];
    const { into, back, energies } = await basisOf({ mean, covariance }, gradients, breather);
    let trace = 0;
    for (let i = 0; i < n; i++) trace += gradients[i * n + i];
    /** tr(M·(I − P)·C·(I − P)ᵀ), P being the projection onto the first directions. */
    const lost = (rank: number): number => {
      const rest = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          rest[i * n + j] = i === j ? 1 : 0;
          for (let k = 0; k < rank; k++) rest[i * n + j] -= back[k * n + i] * into[k * n + j];
        }
      }
      if (rank === n) for (const v of rest) expect(Math.abs(v)).toBeLessThan(1e-9);
      let sum = 0;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          const metric = gradients[i * n + j] + (i === j ? (0.1 * trace) / n : 0);
          for (let a = 0; a < n; a++) {
            for (let b = 0; b < n; b++) sum += metric * rest[i * n + a] * covariance[a * n + b] * rest[j * n + b];
          }
        }
      }
      return sum;
    };
    const whole = lost(0);
    for (const rank of [0, 1, 5, n]) {
      const left = energies.slice(rank).reduce((a, b) => a + b, 0);
      expect(Math.abs(lost(rank) - left)).toBeLessThan(1e-9 * whole);
    }
  });
});

test("gradients are those of small changes of a layer's output", async () => {
  const { module } = codes();
  const input = noise(64, 64);
  const maps = headMaps(module, [1, 3, 64, 64]);
  const layers = factorableLayers(module, maps).filter(({ node }) => node.name === "model.3.conv");
  const [{ outputs: n }] = layers;
  const seeded: Float32Array[][] = [];
  const gradients: Float32Array[] = [];
  const [products] = await outputGradients(
    maps,
    layers,
    [input],
    async (graph, options) => {
      const trainer = await openTrainer(graph, options);
      return {
        ...{ parameters: trainer.parameters, bytes: trainer.bytes },
        forward: (inputs) => trainer.forward(inputs),
        backward: async (seeds) => {
          const found = await trainer.backward(seeds);
          seeded.push(seeds.map((seed) => seed.slice()));
          gradients.push(found[0].slice());
          return found;
        },
        update: () => trainer.update(),
        dispose: () => trainer.dispose(),
      };
    },
    breather,
  );
  // 64 px ÷ 16: fewer pixels than are sampled, so that all of them count.
  const pixels = gradients[0].length / n;
  expect(pixels).toBeLessThanOrEqual(256);
  const scale = Math.max(...products.map(Math.abs));
  expect(scale).toBeGreaterThan(0);
  for (const [i, j] of [
    [0, 0],
    [3, 5],
    [n - 1, 2],
  ]) {
    let wanted = 0;
    for (const map of gradients) {
      for (let p = 0; p < pixels; p++)
        wanted += (map[i * pixels + p] * map[j * pixels + p]) / pixels / gradients.length;
    }
    expect(Math.abs(products[i * n + j] - wanted)).toBeLessThan(1e-6 * scale);
  }
  // The bias of the layer's BatchNorm shifts all of its pixels: the sum of gradients is the slope along it.
  const { graph } = maps;
  const value = async (step: number): Promise<number> => {
    const id = graph.nodes.find(({ name }) => name === "model.3.bn")?.inputs[3] ?? -1;
    const mean = toFloat32(graph.constants.get(id) ?? noise(1, 1));
    const moved = tensor(
      "float32",
      mean.shape,
      mean.data.map((v, c) => (c === 3 ? v - step : v)),
    );
    const executable = await createCpuBackend().compile({
      ...graph,
      constants: new Map([...graph.constants, [id, moved]]),
    });
    const outputs = await executable.run([input]);
    executable.dispose();
    return outputs.reduce((sum, map, i) => {
      return sum + toFloat32(map).data.reduce((part, v, k) => part + v * seeded[0][i][k], 0);
    }, 0);
  };
  const slope = ((await value(0.01)) - (await value(-0.01))) / 0.02;
  const sum = gradients[0].subarray(3 * pixels, 4 * pixels).reduce((a, b) => a + b, 0);
  expect(Math.abs(slope - sum)).toBeLessThan(0.02 * Math.max(Math.abs(sum), 0.1));
});

describe("a factored network", () => {
  test("is read from its file again, gives the same on every backend, and can be trained", async () => {
    const opened = codes();
    const { module } = await factored(opened.module, 0.6);
    const { info } = createMember(opened, createCpuBackend(), { path: "codes" });
    const again = openModel(exportSafetensors({ ...opened, module }, info), { path: "again" });
    const input = noise(64, 96);
    const [expected] = await outputsOf(module, createCpuBackend(), input);
    const [read] = await outputsOf(again.module, createCpuBackend(), input);
    expect(compare(read, expected).maxAbs).toBe(0);
    const [wasm] = await outputsOf(again.module, backend, input);
    expect(compare(wasm, expected).nmse).toBeLessThan(1e-9);
    if (gpu) {
      const device = await openBackend(gpu);
      const [webgpu] = await outputsOf(again.module, device, input);
      device.dispose();
      expect(compare(webgpu, expected).nmse).toBeLessThan(1e-9);
    }
    const { training, withWeights } = studentOf(again.module, [1, 3, 64, 64]);
    const names = training.parameters.map(({ value }) => training.values[value].name);
    expect(names).toEqual(expect.arrayContaining(["model.3.conv.0.weight", "model.3.conv.1.weight"]));
    const weights = training.parameters.map(({ value }) => {
      return [training.values[value].name, toFloat32(training.constants.get(value) ?? input).data] as const;
    });
    const [same] = await outputsOf(withWeights(new Map(weights)), createCpuBackend(), input);
    // Weights are stored as halves.
    expect(compare(same, expected).nmse).toBeLessThan(1e-5);
  });

  const crops = referencePath("weights", "crops.pt");
  const pictures = referencePath("images", "crops_test", "images");
  test.skipIf(!crops || !pictures)(
    "crops at 60 % of the operations is nearer than with fewer channels, on held-out pictures",
    async () => {
      const opened = openModel(readFileSync(crops ?? ""), { path: "crops.pt" });
      const { info } = createMember(opened, backend, { path: "crops.pt" });
      const { samples } = await openDataset(pictures ?? "", { names: info.names, labels: false });
      const inputsOf = (half: number): Promise<Float32Tensor[]> =>
        calibrationInputs(
          samples.filter((_, i) => i % 2 === half),
          { count: 8, imgsz: 256, stride: 32 },
        );
      const [calibration, heldOut] = [await inputsOf(0), await inputsOf(1)];
      const factorizer = await LowRankFactorizer.prepare(opened.module, calibration, backend, {
        openTrainer,
        round: 4,
      });
      const network = await factorizer.factor(factorizer.ranksForFlops(0.6));
      const size = [256, 256] as const;
      expect(network.flopsRatio).toBeLessThanOrEqual(0.6);
      expect(network.flopsRatio).toBeGreaterThan(0.58);
      expect(moduleFlops(network.module, size) / moduleFlops(opened.module, size)).toBeCloseTo(network.flopsRatio, 6);
      for (const { rank, channels, left } of network.layers) {
        expect([rank % 4, rank < channels, left > 0.8 && left <= 1]).toEqual([0, true, true]);
      }
      const pruner = await ChannelPruner.prepare(opened.module, calibration, backend, {
        criterion: "data",
        scope: "global",
        round: 4,
      });
      const pruned = await pruner.prune(pruner.countsForFlops(0.6));
      const errorOf = (module: ModuleNode) => outputErrorOf(module, opened.module, heldOut, backend);
      const [cut, refitted, fewer] = [
        await errorOf(network.cut),
        await errorOf(network.module),
        await errorOf(pruned.module),
      ];
      expect(refitted).toBeLessThan(cut);
      expect(refitted).toBeLessThan(0.8 * fewer);
      expect(() => factorizer.ranksForFlops(0.05)).toThrow(/0\.05 of the operations cannot be reached/);
      expect(() => factorizer.ranksForFlops(1.2)).toThrow(/above 0 and at most 1/);
    },
  );
});
