/** Small seeded graphs of convolutions, BatchNorms, activations, sums and concats, for proving passes. */

import {
  type Activation,
  type Graph,
  GraphBuilder,
  IDENTITY,
  type OpAttributes,
  type ValueId,
} from "../../src/ops/index.js";
import { elementCount, type Float32Tensor, seededRandom, tensor } from "../../src/tensor/index.js";

export type Random = () => number;

export function randomTensor(random: Random, shape: readonly number[], low = -1, high = 1): Float32Tensor {
  const data = Float32Array.from({ length: elementCount(shape) }, () => low + (high - low) * random());
  return tensor("float32", shape, data);
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.min(list.length - 1, Math.floor(random() * list.length))];
}

export const plainConv = (part: Partial<OpAttributes["conv2d"]> = {}): OpAttributes["conv2d"] => ({
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
  activation: IDENTITY,
  hasBias: false,
  hasResidual: false,
  ...part,
});

/** A builder that also draws the weights. */
export class RandomNet {
  readonly builder = new GraphBuilder();
  readonly random: Random;
  private count = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  name(type: string): string {
    return `${type}${this.count++}`;
  }

  /** [O, C/groups, k, k] with SAME padding; weights scaled so that values stay near 1. */
  conv(x: ValueId, out: number, k: number, groups = 1, bias = false): ValueId {
    const { builder, random } = this;
    const name = this.name("conv");
    const fanIn = builder.shape(x)[1] / groups;
    const bound = Math.sqrt(3 / (fanIn * k * k));
    const operands = [x, builder.constant(`${name}.weight`, randomTensor(random, [out, fanIn, k, k], -bound, bound))];
    if (bias) operands.push(builder.constant(`${name}.bias`, randomTensor(random, [out])));
    const half = Math.floor(k / 2);
    return this.tap(
      name,
      builder.add("conv2d", name, operands, plainConv({ padding: [half, half], groups, hasBias: bias })),
    );
  }

  /** 3×3, stride 1, padding 1: keeps the size. */
  transposed(x: ValueId, out: number, groups = 1, bias = false): ValueId {
    const { builder, random } = this;
    const name = this.name("transposed");
    const c = builder.shape(x)[1];
    const bound = Math.sqrt(3 / ((c / groups) * 9));
    const weight = randomTensor(random, [c, out / groups, 3, 3], -bound, bound);
    const operands = [x, builder.constant(`${name}.weight`, weight)];
    if (bias) operands.push(builder.constant(`${name}.bias`, randomTensor(random, [out])));
    const { hasResidual: _, ...attrs } = plainConv({ padding: [1, 1], groups, hasBias: bias });
    return this.tap(name, builder.add("convTranspose2d", name, operands, { ...attrs, outputPadding: [0, 0] }));
  }

  batchNorm(x: ValueId, eps = 1e-3): ValueId {
    const { builder, random } = this;
    const name = this.name("bn");
    const c = builder.shape(x)[1];
    const operands = [
      x,
      builder.constant(`${name}.weight`, randomTensor(random, [c], 0.5, 1.5)),
      builder.constant(`${name}.bias`, randomTensor(random, [c])),
      builder.constant(`${name}.running_mean`, randomTensor(random, [c])),
      builder.constant(`${name}.running_var`, randomTensor(random, [c], 0.5, 2)),
    ];
    return this.tap(name, builder.add("batchNorm", name, operands, { eps }));
  }

  activation(x: ValueId, activation: Activation): ValueId {
    const name = this.name("act");
    return this.tap(name, this.builder.add("activation", name, [x], { activation }));
  }

  add(...values: ValueId[]): ValueId {
    const name = this.name("add");
    return this.tap(name, this.builder.add("add", name, values, {}));
  }

  concat(...values: ValueId[]): ValueId {
    const name = this.name("concat");
    return this.tap(name, this.builder.add("concat", name, values, { axis: 1 }));
  }

  private tap(name: string, id: ValueId): ValueId {
    this.builder.tap(name, id);
    return id;
  }
}

const ACTIVATIONS: readonly Activation[] = [
  { kind: "silu" },
  { kind: "relu" },
  { kind: "leakyRelu", slope: 0.1 },
  { kind: "hardswish" },
  { kind: "sigmoid" },
];

/** A random graph over maps of one size: values are read once, several times, or are outputs, as it comes. */
export function randomGraph(seed: number, steps = 14): Graph {
  const net = new RandomNet(seed);
  const { builder, random } = net;
  const values = [builder.input("images", { shape: [2, 4, 5, 6], dtype: "float32" })];
  const recent = (): ValueId => values[Math.max(0, values.length - 1 - Math.floor(random() ** 2 * 4))];
  for (let i = 0; i < steps; i++) {
    const x = recent();
    const channels = builder.shape(x)[1];
    const roll = random();
    let y: ValueId;
    if (roll < 0.4) {
      const groups = pick(
        random,
        [1, 1, 2].filter((g) => channels % g === 0),
      );
      y = net.conv(x, 4, pick(random, [1, 3]), groups, random() < 0.3);
      if (random() < 0.8) y = net.batchNorm(y);
      if (random() < 0.8) y = net.activation(y, pick(random, ACTIVATIONS));
    } else if (roll < 0.5) {
      y = net.transposed(x, 4, channels % 2 === 0 ? 2 : 1, random() < 0.5);
      if (random() < 0.8) y = net.batchNorm(y);
      if (random() < 0.5) y = net.activation(y, pick(random, ACTIVATIONS));
    } else if (roll < 0.75) {
      const others = values.filter((v) => builder.shape(v)[1] === channels);
      y = net.add(x, pick(random, others));
    } else if (roll < 0.85) y = net.activation(x, pick(random, ACTIVATIONS));
    else if (roll < 0.92) y = net.batchNorm(x);
    else y = net.conv(net.concat(x, recent()), 4, 1);
    values.push(y);
  }
  const outputs = new Set([values[values.length - 1], pick(random, values.slice(1))]);
  return builder.finish([...outputs]);
}
