/** A model description plus tensors → the module tree that a pickled checkpoint would hold. */

import { GraphError, WeightError } from "../../errors.js";
import { type HostTensor, tensor } from "../../tensor/index.js";
import { scalarNumber } from "../../weights/describe.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";
import { roundHalfEven } from "../output/boxes.js";
import { checkCount, MAX_REPEATS, type TensorSource } from "./layerFactory.js";
import { anchorCount, anchorLevels, type LayerConfig, type ModelConfig, type NewerFacts } from "./modelConfig.js";
import type { InnerArguments } from "./modules.js";
import { NewerModuleFactory } from "./newerModules.js";

/** Head strides that the file does not record are measured when the graph is built. */
export interface SynthesizeOptions {
  readonly batchNormEps?: number | undefined;
  readonly strides?: readonly number[] | undefined;
}

/** YOLOv5's rounding of scaled channel counts. */
export function makeDivisible(value: number, divisor: number): number {
  return Math.ceil(value / divisor) * divisor;
}

const number = (value: unknown, fallback: number): number => (typeof value === "number" ? value : fallback);
const flag = (value: unknown, fallback: boolean): boolean => (typeof value === "boolean" ? value : fallback);
const constant = (value: unknown, config: ModelConfig): unknown => (value === "nc" ? config.classes : value);

interface LayerPlan {
  readonly module: ModuleNode;
  readonly channels: number;
}

/** Blocks whose first argument is the output channels, scaled by the width multiple. */
const SCALED = new Set([
  "Conv", "DWConv", "GhostConv", "Bottleneck", "GhostBottleneck", "CrossConv", "SPP", "SPPF", "Focus", "MixConv2d",
  "BottleneckCSP", "C3", "C3x", "C3TR", "C3SPP", "C3Ghost", "ConvTranspose2d", "DWConvTranspose2d",
  "C2f", "C3k2", "C2PSA", "SCDown",
]); // biome-ignore format: a table
/** Blocks that take the number of repeats as an argument instead of being repeated. */
const REPEATS_INSIDE = new Set(["BottleneckCSP", "C3", "C3x", "C3TR", "C3Ghost", "C2f", "C3k2", "C2PSA"]);
/** Larger than any real network, see `docs/hostile-files.md`. */
const MAX_CHANNELS = 65_536;
const HEADS = new Set(["Detect", "Segment", "Pose", "Classify"]);

const kernelsOf = (value: unknown, fallback: readonly number[]): readonly number[] =>
  Array.isArray(value) ? value.map((v) => scalarNumber(v) ?? Number.NaN) : fallback;

/** [channels, shortcut, groups, expansion]; C3SPP has its kernels in the second place. */
function innerArguments(args: readonly unknown[]): InnerArguments {
  return {
    shortcut: flag(args[1], true),
    groups: number(args[2], 1),
    expansion: number(args[3], 0.5),
    kernels: kernelsOf(args[1], [5, 9, 13]),
  };
}

/** One block of a layer, by its class. */
function makeBlock(
  factory: NewerModuleFactory,
  name: string,
  path: string,
  c1: number,
  args: readonly unknown[],
  n: number,
): ModuleNode {
  const c2 = number(args[0], c1);
  switch (name) {
    case "Conv": {
      // v7.0 has the dilation before the activation, earlier versions have none.
      const [k, s, g] = [number(args[1], 1), number(args[2], 1), number(args[4], 1)];
      const dilated = typeof args[5] === "number";
      const dilation = dilated ? number(args[5], 1) : 1;
      return factory.conv(path, c1, c2, k, s, args[3], g, dilated ? args[6] : args[5], { dilation });
    }
    case "MixConv2d":
      return factory.mixConv2d(path, c1, c2, kernelsOf(args[1], [1, 3]), number(args[2], 1));
    case "DWConv":
      return factory.depthwise(path, c1, c2, number(args[1], 1), number(args[2], 1));
    case "Focus":
      return factory.focus(path, c1, c2, number(args[1], 1), number(args[2], 1));
    case "Bottleneck":
      return factory.bottleneck(path, c1, c2, flag(args[1], true), number(args[2], 1), number(args[3], 0.5));
    case "CrossConv": {
      const geometry = [number(args[1], 3), number(args[2], 1), number(args[3], 1)] as const;
      return factory.crossConv(path, c1, c2, geometry, number(args[4], 1), flag(args[5], false));
    }
    case "BottleneckCSP":
      return factory.bottleneckCsp(path, c1, c2, n, innerArguments(args));
    case "C3":
    case "C3x":
    case "C3TR":
    case "C3SPP":
    case "C3Ghost":
      return factory.c3(name, path, c1, c2, n, innerArguments(args));
    case "GhostConv":
      return factory.ghostConv(path, c1, c2, number(args[1], 1), number(args[2], 1));
    case "GhostBottleneck":
      return factory.ghostBottleneck(path, c1, c2, number(args[1], 3), number(args[2], 1));
    case "SPP":
      return factory.spp(path, c1, c2, kernelsOf(args[1], [5, 9, 13]));
    case "SPPF":
      return args.length > 2
        ? factory.pooled(path, c1, c2, number(args[1], 5), number(args[2], 3), flag(args[3], false))
        : factory.sppf(path, c1, c2, number(args[1], 5));
    case "C2f":
      return factory.c2f(path, c1, c2, n, flag(args[1], false), number(args[3], 0.5));
    case "C3k2": {
      const inner = { nested: flag(args[1], false), expansion: number(args[2], 0.5), attention: flag(args[3], false) };
      return factory.c3k2(path, c1, c2, n, inner);
    }
    case "C2PSA":
      return factory.c2psa(path, c1, n);
    case "SCDown":
      return factory.scDown(path, c1, c2, number(args[1], 3), number(args[2], 2));
    case "ConvTranspose2d":
    case "DWConvTranspose2d":
      return factory.convTranspose(name, path, c1, c2, args);
    default:
      throw unknownModule(name, path);
  }
}

function unknownModule(name: string, path: string): GraphError {
  return new GraphError(
    `model config: ${path} has the module ${name}, which cannot be built from a yaml; load the whole pickled model instead`,
    { name, path },
  );
}

/** Modules without weights. */
function makePlain(
  factory: NewerModuleFactory,
  layer: LayerConfig,
  path: string,
  sources: readonly number[],
): LayerPlan | undefined {
  const [c1] = sources;
  const { module, args } = layer;
  switch (module) {
    case "Concat":
      return { module: factory.node(module, { d: number(args[0], 1) }), channels: sources.reduce((a, b) => a + b, 0) };
    case "Upsample":
      return {
        module: factory.node(module, {
          // Descriptions in checkpoints spell None as a string.
          size: (args[0] === "None" ? null : (args[0] ?? null)) as PlainValue,
          scale_factor: number(args[1], 2),
          mode: typeof args[2] === "string" ? args[2] : "nearest",
        }),
        channels: c1,
      };
    case "MaxPool2d": {
      const kernel = number(args[0], 2);
      return {
        module: factory.node(module, {
          kernel_size: kernel,
          stride: number(args[1], kernel),
          padding: number(args[2], 0),
        }),
        channels: c1,
      };
    }
    case "ZeroPad2d":
      return { module: factory.node(module, { padding: args[0] as PlainValue }), channels: c1 };
    case "BatchNorm2d":
      return { module: factory.batchNorm(path, c1), channels: c1 };
    case "Sum":
      return { module: factory.sum(path, sources.length, flag(args[1], false)), channels: c1 };
    case "Identity":
      return { module: factory.node(module, {}), channels: c1 };
    case "Contract":
      return { module: factory.node(module, { gain: number(args[0], 2) }), channels: c1 * number(args[0], 2) ** 2 };
    case "Expand":
      return { module: factory.node(module, { gain: number(args[0], 2) }), channels: c1 / number(args[0], 2) ** 2 };
    default:
      return undefined;
  }
}

function makeHead(
  factory: NewerModuleFactory,
  config: ModelConfig,
  layer: LayerConfig,
  path: string,
  sources: readonly number[],
  strides: readonly number[] | undefined,
): LayerPlan {
  if (!HEADS.has(layer.module)) throw unknownModule(layer.module, path);
  const args = layer.args.map((a) => (a === "anchors" ? config.anchors : constant(a, config)));
  const classes = number(args[0], config.classes);
  if (config.newer)
    return { module: makeNewerHead(factory, config, config.newer, layer, path, sources, strides), channels: 0 };
  if (layer.module === "Pose") throw unknownModule(layer.module, path);
  if (layer.module === "Classify") return { module: factory.classify(path, sources[0], classes), channels: classes };
  const raw = args[1] ?? config.anchors;
  const pixels = Array.isArray(raw) ? anchorLevels(raw) : undefined;
  const perLevel = pixels ? pixels[0].length / 2 : anchorCount(number(raw, 3));
  const nm = layer.module === "Segment" ? number(args[2], 32) : 0;
  const protos = layer.module === "Segment" ? makeDivisible(number(args[3], 256) * config.widthMultiple, 8) : 0;
  const outputs = classes + 5 + nm;
  const fallback = (): HostTensor => {
    if (strides?.length !== sources.length) {
      throw new WeightError(`the checkpoint has neither a tensor ${path}.anchors nor a stride to derive it from`, {
        path,
      });
    }
    const cells = strides.map((stride, level) => {
      return (pixels?.[level] ?? new Array<number>(perLevel * 2).fill(stride)).map((v) => v / stride);
    });
    return tensor("float32", [sources.length, perLevel, 2], Float32Array.from(cells.flat()));
  };
  return { module: factory.detect(path, sources, perLevel * outputs, nm, protos, fallback, strides), channels: 0 };
}

/** A head of v5u, v8, 11 or 26. */
function makeNewerHead(
  factory: NewerModuleFactory,
  config: ModelConfig,
  { regMax, endToEnd, keypoints }: NewerFacts,
  { module, args }: LayerConfig,
  path: string,
  sources: readonly number[],
  strides: readonly number[] | undefined,
): ModuleNode {
  const classes = number(constant(args[0], config), config.classes);
  if (module === "Classify") return factory.newerClassify(path, sources[0], classes);
  const hidden = makeDivisible(Math.min(number(args[2], 256), config.maxChannels) * config.widthMultiple, 8);
  return factory.anchorFree(path, sources, {
    classes,
    regMax,
    endToEnd,
    plainClasses: !config.layers.some((layer) => layer.module === "C3k2"),
    strides,
    ...(module === "Segment" ? { masks: { coefficients: number(args[1], 32), hidden } } : {}),
    ...(module === "Pose" ? { keypoints } : {}),
  });
}

/**
 * Builds the module tree of a description with tensors from `source` (a state dict, or random ones).
 * @throws GraphError for modules that cannot be built; WeightError for missing tensors.
 */
export function synthesizeModule(
  config: ModelConfig,
  source: TensorSource,
  options: SynthesizeOptions = {},
): ModuleNode {
  const factory = new NewerModuleFactory(source, config.activation, options.batchNormEps);
  const perLevel = typeof config.anchors === "number" ? config.anchors : (config.anchors[0]?.length ?? 0) / 2;
  const headChannels = config.newer ? config.classes : Math.floor(perLevel) * (config.classes + 5);
  const channels: number[] = [];
  const layers = new Map<string, ModuleNode>();
  for (const [index, layer] of config.layers.entries()) {
    const path = `model.${index}`;
    const sources = layer.from.map((f) => {
      const at = f < 0 ? index + f : f;
      if (!Number.isInteger(at) || at >= index || at < -1) {
        throw new GraphError(`model config: ${path} reads layer ${f}, which does not come before it`, {
          path,
          from: f,
        });
      }
      return at < 0 ? config.inputChannels : channels[at];
    });
    const wiring: [string, PlainValue][] = [
      ["i", index],
      ["f", layer.from.length === 1 ? layer.from[0] : [...layer.from]],
    ];
    let plan: LayerPlan | undefined;
    if (SCALED.has(layer.module)) {
      let c2 = number(constant(layer.args[0], config), sources[0]);
      // A head's own channels are not scaled.
      if (c2 !== headChannels) c2 = makeDivisible(Math.min(c2, config.maxChannels) * config.widthMultiple, 8);
      checkCount(c2, MAX_CHANNELS, "channels", path);
      const args = [c2, ...layer.args.slice(1)];
      const scaled =
        layer.repeats > 1 ? Math.max(roundHalfEven(layer.repeats * config.depthMultiple), 1) : layer.repeats;
      checkCount(scaled, MAX_REPEATS, "repeats", path);
      const inside = REPEATS_INSIDE.has(layer.module);
      if (inside || scaled === 1) {
        plan = { module: makeBlock(factory, layer.module, path, sources[0], args, scaled), channels: c2 };
      } else {
        const parts = Array.from({ length: scaled }, (_, k): [string, ModuleNode] => [
          String(k),
          makeBlock(factory, layer.module, `${path}.${k}`, k === 0 ? sources[0] : c2, args, 1),
        ]);
        plan = { module: factory.node("Sequential", {}, parts), channels: c2 };
      }
    } else {
      plan =
        makePlain(factory, layer, path, sources) ?? makeHead(factory, config, layer, path, sources, options.strides);
    }
    if (!HEADS.has(layer.module)) checkCount(plan.channels, MAX_CHANNELS, "channels", path);
    channels.push(plan.channels);
    layers.set(String(index), { ...plan.module, attributes: new Map([...plan.module.attributes, ...wiring]) });
  }
  const sequence = factory.node("Sequential", {}, [...layers]);
  return factory.node("Model", options.strides ? { stride: [...options.strides] } : {}, [["model", sequence]]);
}
