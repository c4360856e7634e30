/** Attributes that older or newer files lack, and detection heads of any size. */

import { describe, expect, it } from "vitest";
import { WeightError } from "../../../src/errors.js";
import { optimize } from "../../../src/ops/index.js";
import { compare, type HostTensor, tensor } from "../../../src/tensor/index.js";
import { moduleAt } from "../../../src/weights/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { mapModules, replaced, smallModel, withAttributes, without } from "../trees.js";
import { predict, randomised, SHAPE, sameNodes, withAttributesAt } from "./support.js";

describe("missing attributes in older or newer files", () => {
  it("a missing stride is measured", () => {
    const bare = mapModules(smallModel(), (m) =>
      m.type === "Detect" || m.type === "Model" ? without(m, "stride") : m,
    );
    const { head, graph } = buildGraph(bare, SHAPE);
    expect(head.strides).toEqual([8, 16]);
    expect(head.anchors).toEqual(buildGraph(smallModel(), SHAPE).head.anchors);
    expect(graph.nodes.at(-1)?.type).toBe("detect");
  });

  it("the stride may be on the model, or a tensor of the head", () => {
    const bare = mapModules(smallModel(), (m) =>
      m.type === "Detect" || m.type === "Model" ? without(m, "stride") : m,
    );
    sameNodes(withAttributes(bare, { stride: [8, 16] }), smallModel());
    const stride = tensor("float32", [2], Float32Array.of(8, 16));
    sameNodes(withAttributesAt(bare, "model.9", { stride }), smallModel());
    // Zeros, as a head has them before its strides are measured, count as absent.
    sameNodes(withAttributesAt(bare, "model.9", { stride: [0, 0] }), smallModel());
  });

  it("inplace, nc, na, names, i, eps and momentum may be missing without effect", () => {
    const dropped = ["inplace", "nc", "na", "nl", "no", "names", "i", "eps", "momentum", "add_", "groups", "dilation"];
    sameNodes(
      mapModules(smallModel(), (m) => without(m, ...dropped)),
      smallModel(),
    );
  });

  it("eps is that of the module, or 1e-3 if it has none", () => {
    const eps = (module: ModuleNode): number[] =>
      buildGraph(module, SHAPE).graph.nodes.flatMap((n) => (n.type === "batchNorm" ? [n.attrs.eps] : []));
    expect(new Set(eps(smallModel()))).toEqual(new Set([1e-3]));
    const other = mapModules(smallModel(), (m) => (m.type === "BatchNorm2d" ? withAttributes(m, { eps: 1e-5 }) : m));
    expect(new Set(eps(other))).toEqual(new Set([1e-5]));
  });

  it("already fused convolutions (bias, no bn) give the same boxes", async () => {
    const source = randomised(smallModel());
    const folded = optimize(buildGraph(source, SHAPE).graph);
    const constants = new Map(
      folded.nodes.map((node) => [node.name, node.inputs.map((id) => folded.constants.get(id))]),
    );
    const fuse = (module: ModuleNode, path: string): ModuleNode => {
      const children = new Map<string, ModuleNode>();
      for (const [name, part] of module.children) {
        if (module.type === "Conv" && name === "bn") continue;
        children.set(name, fuse(part, path ? `${path}.${name}` : name));
      }
      if (module.type !== "Conv2d") return { ...module, children };
      const [, weight, bias] = constants.get(path) ?? [];
      if (!weight || !bias) throw new Error(`${path} was not folded`);
      return { ...module, parameters: new Map([...module.parameters, ["weight", weight], ["bias", bias]]) };
    };
    const fused = fuse(source, "");
    expect(moduleAt(fused, "model.3.cv1")?.children.has("bn")).toBe(false);
    expect(buildGraph(fused, SHAPE).graph.nodes.some(({ type }) => type === "batchNorm")).toBe(false);
    const [actual, expected] = [await predict(fused), await predict(source)];
    expect(compare(actual, expected).maxAbs).toBeLessThan(1e-3);
    expect(compare(actual, expected).nmse).toBeLessThan(1e-12);
  });
});

describe("Detect", () => {
  it.each([1, 2, 80, 365, 1203])("%d classes", async (nc) => {
    const prediction = await predict(smallModel(nc));
    expect(prediction.shape).toEqual([1, 2 * (8 * 8 + 4 * 4), 5 + nc]);
    expect([...prediction.data].every((v) => Number.isFinite(Number(v)))).toBe(true);
    expect(buildGraph(smallModel(nc), SHAPE).head.classes).toBe(nc);
  });

  it("takes anchors from the head's buffer: doubling it doubles width and height", async () => {
    const double = replaced(smallModel(), "model.9", (m) => {
      const anchors = m.buffers.get("anchors");
      if (!anchors) throw new Error("no anchors");
      const data = Float32Array.from(anchors.data as Float32Array, (v) => v * 2);
      return { ...m, buffers: new Map([["anchors", tensor("float32", anchors.shape, data)]]) };
    });
    const [plain, doubled] = [await predict(smallModel()), await predict(double)];
    const columns = plain.shape[2];
    for (let i = 0; i < plain.data.length; i++) {
      const factor = i % columns === 2 || i % columns === 3 ? 2 : 1;
      expect(Number(doubled.data[i])).toBe(Number(plain.data[i]) * factor);
    }
    expect(buildGraph(double, SHAPE).head.anchors[0]).toEqual([20, 26, 32, 60]);
  });

  it("reads float16 anchors, and ignores the anchor_grid in v5.0 files", () => {
    const half = replaced(smallModel(), "model.9", (m) => ({
      ...m,
      // 1.25, 1.625, 2, 3.75 and 1.875, 3.8125, 3.875, 2.8125 cells
      buffers: new Map<string, HostTensor>([
        [
          "anchors",
          tensor("float16", [2, 2, 2], Uint16Array.of(0x3d00, 0x3e80, 0x4000, 0x4380, 0x3f80, 0x43a0, 0x43c0, 0x41a0)),
        ],
        ["anchor_grid", tensor("float32", [2, 1, 2, 1, 1, 2], new Float32Array(8).fill(7))],
      ]),
    }));
    expect(buildGraph(half, SHAPE).head.anchors).toEqual(buildGraph(smallModel(), SHAPE).head.anchors);
  });

  it("refuses anchors that do not fit the levels or the channels", () => {
    const anchors = (...shape: number[]): ModuleNode =>
      replaced(smallModel(), "model.9", (m) => ({ ...m, buffers: new Map([["anchors", tensor("float32", shape)]]) }));
    expect(() => buildGraph(anchors(3, 3), SHAPE)).toThrow(
      "model.9: 2 levels, 2 strides and anchors [3,3] do not match",
    );
    expect(() => buildGraph(anchors(2, 5, 2), SHAPE)).toThrow("model.9: 14 channels are not 5 anchors × (5 + classes)");
    expect(() => buildGraph(anchors(2, 7, 2), SHAPE)).toThrow("14 channels are not 7 anchors");
    const lacking = replaced(smallModel(), "model.9", (m) => ({ ...m, buffers: new Map() }));
    expect(() => buildGraph(lacking, SHAPE)).toThrow(WeightError);
    expect(() => buildGraph(lacking, SHAPE)).toThrow("model.9 has no anchors");
  });
});
