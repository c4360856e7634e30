/** Small graphs of YOLOv5's shapes, for tests of placement, memory and counters. */

import { type Graph, GraphBuilder, type ValueId } from "../../src/ops/index.js";
import { randomTensor } from "./random.js";

export class Blocks {
  readonly builder = new GraphBuilder();
  private seed = 1;

  input(shape: readonly number[]): ValueId {
    return this.builder.input("images", { shape, dtype: "float32" });
  }

  conv(name: string, x: ValueId, out: number, kernel = 1, stride = 1, residual?: ValueId): ValueId {
    const channels = this.builder.shape(x)[1];
    const scale = 1 / Math.sqrt(channels * kernel * kernel);
    const weight = this.builder.constant(
      `${name}.weight`,
      randomTensor([out, channels, kernel, kernel], this.seed++, scale),
    );
    const bias = this.builder.constant(`${name}.bias`, randomTensor([out], this.seed++, 0.1));
    const y = this.builder.add(
      "conv2d",
      name,
      residual === undefined ? [x, weight, bias] : [x, weight, bias, residual],
      {
        stride: [stride, stride],
        padding: [kernel >> 1, kernel >> 1],
        dilation: [1, 1],
        groups: 1,
        activation: { kind: "silu" },
        hasBias: true,
        hasResidual: residual !== undefined,
      },
    );
    this.builder.tap(name, y);
    return y;
  }

  concat(name: string, inputs: readonly ValueId[]): ValueId {
    const y = this.builder.add("concat", name, inputs, { axis: 1 });
    this.builder.tap(name, y);
    return y;
  }

  pool(name: string, x: ValueId, kernel = 5): ValueId {
    const y = this.builder.add("maxPool2d", name, [x], {
      kernel: [kernel, kernel],
      stride: [1, 1],
      padding: [kernel >> 1, kernel >> 1],
      dilation: [1, 1],
      ceilMode: false,
    });
    this.builder.tap(name, y);
    return y;
  }

  c3(name: string, x: ValueId, out: number, depth = 1, shortcut = true): ValueId {
    const hidden = out / 2;
    let main = this.conv(`${name}.cv1`, x, hidden);
    for (let i = 0; i < depth; i++) {
      const inner = this.conv(`${name}.m.${i}.cv1`, main, hidden);
      main = this.conv(`${name}.m.${i}.cv2`, inner, hidden, 3, 1, shortcut ? main : undefined);
    }
    const joined = this.concat(`${name}.cat`, [main, this.conv(`${name}.cv2`, x, hidden)]);
    return this.conv(`${name}.cv3`, joined, out);
  }

  sppf(name: string, x: ValueId, out: number): ValueId {
    const first = this.conv(`${name}.cv1`, x, out / 2);
    const second = this.pool(`${name}.m1`, first);
    const third = this.pool(`${name}.m2`, second);
    const fourth = this.pool(`${name}.m3`, third);
    return this.conv(`${name}.cv2`, this.concat(`${name}.cat`, [first, second, third, fourth]), out);
  }

  upsample(name: string, x: ValueId): ValueId {
    const y = this.builder.add("upsampleNearest", name, [x], { scale: [2, 2] });
    this.builder.tap(name, y);
    return y;
  }

  finish(outputs: readonly ValueId[]): Graph {
    return this.builder.finish(outputs);
  }
}

/** A tiny YOLO: C3, SPPF, upsample and a concat with the backbone; `width` not divisible by 8 leaves gaps in concats. */
export function tinyNetwork(width: number, size: number, batch = 1): Graph {
  const b = new Blocks();
  const x = b.input([batch, 3, size, size]);
  const stem = b.conv("stem", x, width, 3, 2);
  const c3 = b.c3("c3", stem, width * 2, 2);
  const down = b.conv("down", c3, width * 2, 3, 2);
  const sppf = b.sppf("sppf", down, width * 2);
  const up = b.upsample("up", sppf);
  const neck = b.c3("neck", b.concat("cat", [up, c3]), width * 2);
  return b.finish([neck, sppf]);
}
