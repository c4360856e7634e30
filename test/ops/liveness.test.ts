/** Lifetimes and the live set, on a graph counted by hand. */

import { describe, expect, it } from "vitest";
import { consumersOf, lifetimes, liveSetBytes, producersOf } from "../../src/ops/index.js";
import { RandomNet } from "./randomGraph.js";

/**
 * node  reads      gives   channels (of 5×2 = 10 pixels)
 *   –              x       2
 *   0   x          a       4
 *   1   a          b       6
 *   2   a          c       8
 *   3   b, c       d      14
 *   4   d          e       1   output
 *   (b is an output too)
 */
function example() {
  const net = new RandomNet(1);
  const x = net.builder.input("x", { shape: [1, 2, 5, 2], dtype: "float32" });
  const a = net.conv(x, 4, 1);
  const b = net.conv(a, 6, 1);
  const c = net.conv(a, 8, 1);
  const d = net.concat(b, c);
  const e = net.conv(d, 1, 1);
  return { graph: net.builder.finish([e, b]), ids: { x, a, b, c, d, e } };
}

describe("liveness", () => {
  it("runs from the first write to the last read", () => {
    const { graph, ids } = example();
    const live = lifetimes(graph);
    expect(live.get(ids.x)).toEqual({ first: -1, last: 0 });
    expect(live.get(ids.a)).toEqual({ first: 0, last: 2 });
    expect(live.get(ids.b)).toEqual({ first: 1, last: 5 });
    expect(live.get(ids.c)).toEqual({ first: 2, last: 3 });
    expect(live.get(ids.d)).toEqual({ first: 3, last: 4 });
    expect(live.get(ids.e)).toEqual({ first: 4, last: 5 });
    expect(live.size).toBe(6);
  });

  it("adds up the values that are live at a node", () => {
    const { graph } = example();
    // At node 3: b 6, c 8, d 14 channels of 10 pixels.
    expect(liveSetBytes(graph)).toBe((6 + 8 + 14) * 10 * 4);
    expect(liveSetBytes(graph, () => 2)).toBe((6 + 8 + 14) * 10 * 2);
  });

  it("counts an unread input, an output that is an input, and a graph without nodes", () => {
    const net = new RandomNet(1);
    const x = net.builder.input("x", { shape: [1, 3], dtype: "float32" });
    net.builder.input("unread", { shape: [1, 5], dtype: "float32" });
    expect(liveSetBytes(net.builder.finish([x]))).toBe(8 * 4);
    const y = net.activation(x, { kind: "relu" });
    expect(liveSetBytes(net.builder.finish([x, y]))).toBe((3 + 5 + 3) * 4);
  });

  it("knows which nodes read and produce a value", () => {
    const { graph, ids } = example();
    const [consumers, producers] = [consumersOf(graph), producersOf(graph)];
    expect(consumers.get(ids.a)).toEqual([1, 2]);
    expect(consumers.get(ids.e)).toBeUndefined();
    expect(producers.get(ids.d)).toBe(3);
    expect(producers.get(ids.x)).toBeUndefined();
  });
});
