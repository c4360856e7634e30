/** What takes long is done in pieces, so that whoever runs it can let others in between. */

import { describe, expect, it } from "vitest";
import { atOnce } from "../../src/breathe.js";
import { opOf, optimize } from "../../src/ops/index.js";
import { foldBatchNormPieces } from "../../src/ops/passes/foldBatchNorm.js";
import { plainConv, RandomNet, randomTensor } from "./randomGraph.js";

const { random } = new RandomNet(1);

describe("pieces", () => {
  it("a convolution's reference pauses after every 128 pixels of each picture and group", () => {
    const node = { type: "conv2d", attrs: plainConv({ padding: [1, 1], groups: 2 }) } as const;
    const inputs = [randomTensor(random, [3, 4, 20, 32]), randomTensor(random, [6, 2, 3, 3])];
    const op = opOf({ ...node, name: "conv", inputs: [], outputs: [] });
    const stops = [...(op.referencePieces?.(inputs, node.attrs) ?? [])].length;
    expect(stops).toBe(((20 * 32) / 128) * 3 * 2);
    const pieces = op.referencePieces?.(inputs, node.attrs);
    expect(pieces && atOnce(pieces)).toEqual(op.reference(inputs, node.attrs));
  });

  it("folding pauses after every node", () => {
    const net = new RandomNet(2);
    let x = net.builder.input("x", { shape: [1, 4, 5, 6], dtype: "float32" });
    for (let i = 0; i < 5; i++) x = net.batchNorm(net.conv(x, 4, 3));
    const graph = net.builder.finish([x]);
    expect([...foldBatchNormPieces(graph)]).toHaveLength(10);
    expect(optimize(graph).nodes.map(({ type }) => type)).toEqual(Array(5).fill("conv2d"));
  });
});
