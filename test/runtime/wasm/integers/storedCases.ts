/** Small networks of integer convolutions, and which of their values can stay in integers. */

import { quantizeWeight } from "../../../../src/compress/quantize/weights.js";
import { type Graph, GraphBuilder, IDENTITY, type ValueId } from "../../../../src/ops/index.js";
import { dequantizeWeight } from "../../../../src/yolov5/checkpoint/quantized.js";
import { randomTensor } from "../../../support/random.js";

export interface StoredCase {
  readonly name: string;
  readonly graph: Graph;
  /** Names of the values that are stored in integers where bytes are, in order. */
  readonly stored: readonly string[];
}

interface ConvOptions {
  readonly k?: number;
  readonly s?: number;
  readonly d?: number;
  readonly scale?: number;
  readonly residual?: ValueId;
}

/** Adds layers by name; channels are known from the values. */
class Net {
  readonly b = new GraphBuilder();
  private readonly channels = new Map<ValueId, number>();
  private seed = 1;

  input(name: string, shape: readonly number[]): ValueId {
    return this.know(this.b.input(name, { shape, dtype: "float32" }), shape[1]);
  }

  private know(id: ValueId, channels: number): ValueId {
    this.channels.set(id, channels);
    return id;
  }

  private of(id: ValueId): number {
    return this.channels.get(id) ?? 0;
  }

  conv(name: string, x: ValueId, o: number, options: ConvOptions = {}): ValueId {
    const { k = 1, s = 1, d = 1, scale = 0.02, residual } = options;
    const { weight, scales } = quantizeWeight(randomTensor([o, this.of(x), k, k], this.seed++, 1.5 / (k * 2)));
    const bias = randomTensor([o], this.seed++, 0.3);
    const operands = [
      x,
      this.b.constant(`${name}.w`, dequantizeWeight(weight, scales.data)),
      this.b.constant(`${name}.b`, bias),
    ];
    if (residual !== undefined) operands.push(residual);
    const padding = (d * (k - 1)) >> 1;
    const y = this.b.add("conv2d", name, operands, {
      stride: [s, s],
      padding: [padding, padding],
      dilation: [d, d],
      groups: 1,
      activation: name.startsWith("plain") ? IDENTITY : { kind: "silu" },
      hasBias: true,
      hasResidual: residual !== undefined,
      quantization: { inputScale: scale, inputZeroPoint: 60, weightScales: scales.data },
    });
    return this.know(y, o);
  }

  concat(name: string, ...parts: ValueId[]): ValueId {
    const total = parts.reduce((sum, id) => sum + this.of(id), 0);
    return this.know(this.b.add("concat", name, parts, { axis: 1 }), total);
  }

  pool(name: string, x: ValueId, kernel: number, stride = 1): ValueId {
    const padding = stride === 1 ? kernel >> 1 : 0;
    const attrs = { padding: [padding, padding], dilation: [1, 1], ceilMode: false } as const;
    const y = this.b.add("maxPool2d", name, [x], { kernel: [kernel, kernel], stride: [stride, stride], ...attrs });
    return this.know(y, this.of(x));
  }

  upsample(name: string, x: ValueId): ValueId {
    return this.know(this.b.add("upsampleNearest", name, [x], { scale: [2, 2] }), this.of(x));
  }

  /** float32 in the middle. */
  scale(name: string, x: ValueId): ValueId {
    return this.know(this.b.add("scale", name, [x], { factor: 1.5 }), this.of(x));
  }
}

function storedCase(name: string, stored: readonly string[], build: (net: Net) => ValueId[]): StoredCase {
  const net = new Net();
  return { name, graph: net.b.finish(build(net)), stored: [...stored].sort() };
}

export const STORED_CASES: readonly StoredCase[] = [
  storedCase("a chain of 1×1 and 3×3, odd sizes", ["a", "b", "c", "d"], (net) => {
    const a = net.conv("a", net.input("x", [2, 3, 22, 18]), 16, { k: 6, s: 2 });
    const b = net.conv("b", a, 24);
    const c = net.conv("c", b, 12, { k: 3 });
    const d = net.conv("d", c, 20, { k: 3, s: 2 });
    return [net.conv("e", d, 8)];
  }),
  storedCase("large weights over a small map, dilation", ["a", "b"], (net) => {
    const a = net.conv("a", net.input("x", [1, 176, 6, 7]), 176, { k: 3, s: 2 });
    const b = net.conv("b", a, 184, { k: 3 });
    return [net.conv("c", b, 13, { k: 3, d: 2 })];
  }),
  storedCase("a concat, whose parts also go elsewhere", ["a", "b", "c", "cat"], (net) => {
    const a = net.conv("a", net.input("x", [1, 16, 9, 20]), 12);
    const b = net.conv("b", a, 20, { k: 3 });
    const c = net.conv("c", b, 8);
    const cat = net.concat("cat", c, a);
    return [net.conv("d", cat, 16, { k: 3 }), net.conv("e", cat, 5)];
  }),
  storedCase("pools, upsampling and a value in two concats", ["a", "b", "cat", "joined", "p1", "p2", "up"], (net) => {
    const a = net.conv("a", net.input("x", [2, 16, 10, 14]), 32);
    const p1 = net.pool("p1", a, 5);
    const p2 = net.pool("p2", p1, 3);
    const cat = net.concat("cat", a, p1, p2);
    const b = net.conv("b", cat, 16, { s: 2 });
    const up = net.upsample("up", b);
    return [net.conv("c", net.concat("joined", up, a), 24, { k: 3 })];
  }),
  storedCase("a residual keeps its value in float32", ["b", "d"], (net) => {
    const a = net.conv("a", net.input("x", [1, 8, 8, 8]), 16);
    const b = net.conv("b", a, 16);
    const c = net.conv("c", b, 16, { k: 3, residual: a });
    const d = net.conv("d", c, 16, { k: 3, residual: c });
    return [net.conv("e", d, 7)];
  }),
  storedCase("two scales, and readers in float32", ["d"], (net) => {
    const a = net.conv("a", net.input("x", [1, 8, 8, 8]), 16);
    const b = net.conv("b", a, 16, { scale: 0.01 });
    const c = net.conv("c", a, 16, { scale: 0.02 });
    const cat = net.concat("cat", b, net.scale("half", c), b);
    const d = net.conv("d", cat, 16);
    return [net.conv("e", d, 16), net.scale("f", b)];
  }),
  storedCase("steps so small that numbers must be clamped before they are rounded, and just not", ["b"], (net) => {
    const x = net.input("x", [1, 8, 9, 7]);
    const [a, b] = ["a", "b"].map((name) => net.conv(name, x, 16, { k: 3 }));
    return [net.conv("c", a, 8, { scale: 9e-9 }), net.conv("d", b, 8, { scale: 2 ** -21 })];
  }),
  storedCase("channels that are no whole vectors: pools and copies stay in float32", ["b"], (net) => {
    const a = net.conv("a", net.input("x", [1, 8, 6, 6]), 20);
    const p = net.pool("p", a, 3);
    const b = net.conv("b", p, 13);
    return [net.conv("c", b, 8)];
  }),
];
