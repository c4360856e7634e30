/**
 * Which channels belong together. Every output channel of a convolution is a unit. Following the graph from there,
 * sums (shortcuts) tie units, concats put them next to each other, and depthwise convolutions, BatchNorms, pools and
 * activations pass them on. The result says which unit each row and column of every weight belongs to. This does not
 * depend on YOLOv5's blocks: any wiring works (the idea is that of DepGraph, Fang et al. 2023).
 */

import type { Graph, Node, NodeOf, ValueId } from "../../ops/index.js";
import type { HostTensor } from "../../tensor/index.js";

/** Units are numbers; tied units share one representative, which `ChannelMap` uses throughout. */
export type Unit = number;

/** One weight of the graph with the units along its two channel axes. */
export interface WeightUse {
  readonly node: Node;
  readonly weight: HostTensor;
  readonly layout: "conv" | "depthwise" | "grouped" | "transposed" | "transposedDepthwise";
  /** Unit of each output channel. */
  readonly outputs: readonly Unit[];
  /** Unit of each channel of the input. */
  readonly inputs: readonly Unit[];
}

/** A BatchNorm with the unit of each channel. */
interface NormUse {
  readonly node: NodeOf<"batchNorm">;
  readonly gamma: HostTensor;
  readonly channels: readonly Unit[];
}

/** A slice of channels, with the unit of each channel of what it is cut from. */
export interface SliceUse {
  readonly node: NodeOf<"sliceChannels">;
  readonly inputs: readonly Unit[];
}

export interface ChannelMap {
  readonly weights: readonly WeightUse[];
  readonly norms: readonly NormUse[];
  readonly slices: readonly SliceUse[];
  /** Units that must stay, with the reason: `model.24: the head's outputs`. */
  readonly fixed: ReadonlyMap<Unit, string>;
  /** Unit of each channel of a value. */
  unitsOf(value: ValueId): readonly Unit[];
}

class Units {
  private readonly parents: number[] = [];

  fresh(count: number): Unit[] {
    return Array.from({ length: count }, () => this.parents.push(this.parents.length) - 1);
  }

  find(unit: Unit): Unit {
    let root = unit;
    while (this.parents[root] !== root) root = this.parents[root];
    for (let at = unit; this.parents[at] !== root; ) [this.parents[at], at] = [root, this.parents[at]];
    return root;
  }

  tie(a: Unit, b: Unit): void {
    const [x, y] = [this.find(a), this.find(b)];
    // The older one represents both, so that results do not depend on the order of ties.
    this.parents[Math.max(x, y)] = Math.min(x, y);
  }

  tieAll(a: readonly Unit[], b: readonly Unit[]): void {
    a.forEach((unit, i) => {
      this.tie(unit, b[i]);
    });
  }
}

/**
 * Follows the channels through a graph as built.
 * @param isOwn whether a node's weight is one tensor of the checkpoint, so that channels can be cut from it.
 */
export function traceChannels(graph: Graph, isOwn: (node: Node, weight: HostTensor) => boolean): ChannelMap {
  return new Tracer(graph, isOwn).trace();
}

class Tracer {
  private readonly units = new Units();
  private readonly byValue = new Map<ValueId, readonly Unit[]>();
  private readonly weights: WeightUse[] = [];
  private readonly norms: NormUse[] = [];
  private readonly slices: SliceUse[] = [];
  private readonly reasons: [Unit, string][] = [];
  private readonly byWeight = new Map<ValueId, WeightUse>();

  constructor(
    private readonly graph: Graph,
    private readonly isOwn: (node: Node, weight: HostTensor) => boolean,
  ) {}

  trace(): ChannelMap {
    const { graph, units } = this;
    for (const id of graph.inputs) this.fix(this.fresh(id), "the picture's own channels");
    for (const node of graph.nodes) this.visit(node);
    for (const id of graph.outputs) this.fix(this.of(id), "the network's outputs");
    const settle = (list: readonly Unit[]): Unit[] => list.map((unit) => units.find(unit));
    const fixed = new Map<Unit, string>();
    for (const [unit, why] of this.reasons) {
      const root = units.find(unit);
      if (!fixed.has(root)) fixed.set(root, why);
    }
    return {
      weights: this.weights.map((use) => ({ ...use, outputs: settle(use.outputs), inputs: settle(use.inputs) })),
      norms: this.norms.map((use) => ({ ...use, channels: settle(use.channels) })),
      slices: this.slices.map((use) => ({ ...use, inputs: settle(use.inputs) })),
      fixed,
      unitsOf: (value) => settle(this.of(value)),
    };
  }

  private visit(node: Node): void {
    const [output] = node.outputs;
    const [x] = node.inputs;
    switch (node.type) {
      case "conv2d":
        this.convolution(node);
        break;
      case "convTranspose2d":
        this.transposed(node);
        break;
      case "batchNorm": {
        const gamma = this.graph.constants.get(node.inputs[1]);
        if (gamma) this.norms.push({ node, gamma, channels: this.of(x) });
        this.give(output, this.of(x));
        break;
      }
      case "activation":
      case "maxPool2d":
      case "upsampleNearest":
      case "scale":
      case "pad2d":
      case "globalAveragePool":
        this.give(output, this.of(x));
        break;
      case "add":
        for (const other of node.inputs.slice(1)) this.units.tieAll(this.of(x), this.of(other));
        this.give(output, this.of(x));
        break;
      case "concat":
        if (node.attrs.axis === 1) {
          this.give(
            output,
            node.inputs.flatMap((id) => this.of(id)),
          );
        } else this.stop(node);
        break;
      case "sliceChannels": {
        const inputs = this.of(x);
        this.slices.push({ node, inputs });
        this.give(output, inputs.slice(node.attrs.start, node.attrs.end));
        break;
      }
      case "spaceToDepth":
        this.give(output, Array.from({ length: node.attrs.block ** 2 }, () => this.of(x)).flat());
        break;
      case "depthToSpace": {
        const slices = node.attrs.block ** 2;
        const all = this.of(x);
        const first = all.slice(0, all.length / slices);
        for (let s = 1; s < slices; s++) this.units.tieAll(first, all.slice(s * first.length, (s + 1) * first.length));
        this.give(output, first);
        break;
      }
      default:
        // Attention, LayerNorm, softmax, heads, flatten: inputs and outputs keep their channels.
        this.stop(node);
        break;
    }
  }

  private convolution(node: NodeOf<"conv2d">): void {
    const inputs = this.of(node.inputs[0]);
    const { groups } = node.attrs;
    const channels = this.channelsOf(node.outputs[0]);
    const perGroup = channels / groups;
    if (groups === 1) {
      this.weighted(node, "conv", inputs, this.units.fresh(channels));
      return;
    }
    if (groups === inputs.length) {
      const outputs = Array.from({ length: channels }, (_, o) => inputs[Math.floor(o / perGroup)]);
      this.weighted(node, "depthwise", inputs, outputs);
      return;
    }
    // All groups must stay equally wide: position i of one goes with position i of the others.
    const outputs = this.units.fresh(channels);
    const width = inputs.length / groups;
    for (let g = 1; g < groups; g++) {
      this.units.tieAll(inputs.slice(0, width), inputs.slice(g * width, (g + 1) * width));
      this.units.tieAll(outputs.slice(0, perGroup), outputs.slice(g * perGroup, (g + 1) * perGroup));
    }
    this.weighted(node, "grouped", inputs, outputs);
  }

  private transposed(node: NodeOf<"convTranspose2d">): void {
    const inputs = this.of(node.inputs[0]);
    const { groups } = node.attrs;
    const channels = this.channelsOf(node.outputs[0]);
    if (groups === 1) this.weighted(node, "transposed", inputs, this.units.fresh(channels));
    else if (groups === inputs.length) {
      const perGroup = channels / groups;
      const outputs = Array.from({ length: channels }, (_, o) => inputs[Math.floor(o / perGroup)]);
      this.weighted(node, "transposedDepthwise", inputs, outputs);
    } else this.stop(node);
  }

  private weighted(
    node: NodeOf<"conv2d"> | NodeOf<"convTranspose2d">,
    layout: WeightUse["layout"],
    inputs: readonly Unit[],
    outputs: readonly Unit[],
  ): void {
    const weight = this.graph.constants.get(node.inputs[1]);
    this.give(node.outputs[0], outputs);
    if (!weight || !this.isOwn(node, weight)) {
      this.fix([...inputs, ...outputs], `${node.name}: its weight is part of a larger tensor`);
      return;
    }
    const use: WeightUse = { node, weight, layout, inputs, outputs };
    const known = this.byWeight.get(node.inputs[1]);
    if (known) {
      // A weight used in two places has one set of channels.
      this.units.tieAll(known.inputs, inputs);
      this.units.tieAll(known.outputs, outputs);
      return;
    }
    this.byWeight.set(node.inputs[1], use);
    this.weights.push(use);
  }

  private stop(node: Node): void {
    const head = node.type === "detect" || node.type === "detectAnchorFree";
    const why = head ? "the head's outputs" : `${node.type} keeps its channels`;
    for (const id of node.inputs) if (!this.graph.constants.has(id)) this.fix(this.of(id), `${node.name}: ${why}`);
    for (const id of node.outputs) this.fix(this.fresh(id), `${node.name}: ${why}`);
  }

  private fix(units: readonly Unit[], why: string): void {
    for (const unit of units) this.reasons.push([unit, why]);
  }

  private give(value: ValueId, units: readonly Unit[]): void {
    this.byValue.set(value, units);
  }

  private fresh(value: ValueId): readonly Unit[] {
    const units = this.units.fresh(this.channelsOf(value));
    this.byValue.set(value, units);
    return units;
  }

  private of(value: ValueId): readonly Unit[] {
    return this.byValue.get(value) ?? this.fresh(value);
  }

  private channelsOf(value: ValueId): number {
    return this.graph.values[value].shape[1] ?? 1;
  }
}
