/** Groups of units produced by the same convolutions, and the importance of each unit. */

import type { Pieces } from "../../breathe.js";
import { OptionError } from "../../errors.js";
import { elementCount, toFloat32 } from "../../tensor/index.js";
import type { ChannelMap, Unit, WeightUse } from "./channels.js";

/** `bn`: |γ| of BatchNorm (Liu et al. 2017, network slimming); `l1`, `l2`: norms of the filters (Li et al. 2017). */
export type Criterion = "bn" | "l1" | "l2";

/** Channels that can only be removed from all their convolutions together. */
export interface ChannelGroup {
  /** Names of the convolutions that produce these channels, in graph order. */
  readonly layers: readonly string[];
  readonly units: readonly Unit[];
}

/** The prunable groups of a network, in graph order, and the layers whose outputs must stay. */
export interface Grouping {
  readonly groups: readonly ChannelGroup[];
  readonly kept: readonly { readonly layer: string; readonly why: string }[];
}

export function groupChannels(map: ChannelMap): Grouping {
  const producers = new Map<Unit, Set<number>>();
  const kept = new Map<string, string>();
  map.weights.forEach((use, index) => {
    for (const unit of use.outputs) {
      const why = map.fixed.get(unit);
      if (why !== undefined) kept.set(use.node.name, why);
      const set = producers.get(unit);
      if (set) set.add(index);
      else producers.set(unit, new Set([index]));
    }
  });
  // Neither part of a split may lose all its channels, so each is a group of its own.
  const parts = new Map<Unit, string>();
  for (const { node, inputs } of map.slices) {
    for (const unit of inputs.slice(node.attrs.start, node.attrs.end)) {
      parts.set(unit, `${parts.get(unit) ?? ""} ${node.name}`);
    }
  }
  const bySignature = new Map<string, { layers: string[]; units: Unit[] }>();
  for (const [unit, indices] of producers) {
    if (map.fixed.has(unit)) continue;
    const list = [...indices].sort((a, b) => a - b);
    const key = `${list.join(",")}${parts.get(unit) ?? ""}`;
    const group = bySignature.get(key);
    if (group) group.units.push(unit);
    else bySignature.set(key, { layers: list.map((i) => map.weights[i].node.name), units: [unit] });
  }
  return { groups: [...bySignature.values()], kept: [...kept].map(([layer, why]) => ({ layer, why })) };
}

/**
 * Importance of every unit: the mean over its convolutions (or BatchNorms). Filter norms are divided by the mean of
 * their layer; otherwise layers with small weights would be pruned first regardless of their function. Yields after
 * each convolution.
 * @throws OptionError for `bn` if a channel has no BatchNorm (fused checkpoints).
 */
export function* scoreUnits(map: ChannelMap, grouping: Grouping, criterion: Criterion): Pieces<Map<Unit, number>> {
  const sums = new Map<Unit, { total: number; count: number }>();
  const add = (unit: Unit, value: number): void => {
    const entry = sums.get(unit);
    if (entry) {
      entry.total += value;
      entry.count++;
    } else sums.set(unit, { total: value, count: 1 });
  };
  if (criterion === "bn") {
    for (const { gamma, channels } of map.norms) {
      const { data } = toFloat32(gamma);
      for (const [c, unit] of channels.entries()) add(unit, Math.abs(data[c]));
    }
  } else {
    for (const use of map.weights) {
      const norms = filterNorms(use, criterion);
      const mean = norms.reduce((sum, v) => sum + v, 0) / norms.length || 1;
      for (const [o, unit] of use.outputs.entries()) add(unit, norms[o] / mean);
      yield;
    }
  }
  const scores = new Map<Unit, number>();
  for (const { layers, units } of grouping.groups) {
    for (const unit of units) {
      const entry = sums.get(unit);
      if (!entry) {
        throw new OptionError(
          `prune: ${layers[0]} has no BatchNorm, which criterion bn needs (the checkpoint is fused); use criterion l1 or l2`,
          { layer: layers[0], criterion },
        );
      }
      scores.set(unit, entry.total / entry.count);
    }
  }
  return scores;
}

/** Norm of the weights of each output channel. */
function filterNorms({ weight, outputs, layout }: WeightUse, criterion: "l1" | "l2"): Float64Array {
  const { data, shape } = toFloat32(weight);
  const norms = new Float64Array(outputs.length);
  const plane = elementCount(shape.slice(2));
  const power = (v: number): number => (criterion === "l1" ? Math.abs(v) : v * v);
  for (let first = 0, i = 0; first < shape[0]; first++) {
    for (let second = 0; second < shape[1]; second++) {
      const output =
        layout === "transposed" ? second : layout === "transposedDepthwise" ? first * shape[1] + second : first;
      let sum = norms[output];
      for (const end = i + plane; i < end; i++) sum += power(data[i]);
      norms[output] = sum;
    }
  }
  return criterion === "l1" ? norms : norms.map(Math.sqrt);
}
