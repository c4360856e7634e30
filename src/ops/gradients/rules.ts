/** How each op passes a gradient on: the nodes that compute the gradients of its inputs from that of its output. */

import { UnsupportedError } from "../../errors.js";
import type { OpType } from "../attributes.js";
import type { NodeOf, ValueId } from "../graph/graph.js";
import type { TrainingDraft } from "./draft.js";
import type { GradientNodeOf } from "./graph.js";

export interface RuleContext {
  readonly draft: TrainingDraft;
  /** The gradient of the node's output. */
  readonly dy: ValueId;
  /** Whether the gradient of an input is asked for. */
  readonly wants: (input: number) => boolean;
}

/** Gradients of inputs by their index; those that nobody wants may be left out. */
type Gradients = readonly (ValueId | undefined)[];
type Rule<T extends OpType> = (node: NodeOf<T>, context: RuleContext) => Gradients;

/** Ops of inference, and those of training that stand in the forward pass. */
type Rules = { readonly [T in OpType]: Rule<T> } & {
  readonly fakeQuantize: (node: GradientNodeOf<"fakeQuantize">, context: RuleContext) => Gradients;
};

/** @throws UnsupportedError for a convolution that passes have fused something into. */
function checkAsBuilt({ name, attrs }: NodeOf<"conv2d"> | NodeOf<"convTranspose2d">): void {
  if (attrs.activation.kind !== "identity" || ("hasResidual" in attrs && attrs.hasResidual)) {
    throw new UnsupportedError(`backward: takes convolutions without fused activation or residual (${name})`);
  }
}

const conv2d: Rule<"conv2d"> = (node, { draft, dy, wants }) => {
  checkAsBuilt(node);
  const [x, weight] = node.inputs;
  const { stride, padding, dilation, groups, activation, hasBias } = node.attrs;
  const [, , h, w] = draft.shape(x);
  const [, , oh, ow] = draft.shape(node.outputs[0]);
  const [, , kh, kw] = draft.shape(weight);
  const rest = (size: number, out: number, kernel: number, axis: 0 | 1): number =>
    size - ((out - 1) * stride[axis] - 2 * padding[axis] + dilation[axis] * (kernel - 1) + 1);
  const input = (): ValueId =>
    draft.add("convTranspose2d", `${node.name}.dx`, [dy, weight], {
      ...{ stride, padding, dilation, groups, activation, hasBias: false },
      outputPadding: [rest(h, oh, kh, 0), rest(w, ow, kw, 1)],
    });
  const own = { kernel: [kh, kw], stride, padding, dilation, groups } as const;
  return [
    wants(0) ? input() : undefined,
    wants(1) ? draft.add("convWeightGradient", `${node.name}.dw`, [x, dy], own) : undefined,
    hasBias && wants(2) ? draft.add("channelSum", `${node.name}.db`, [dy], {}) : undefined,
  ];
};

const convTranspose2d: Rule<"convTranspose2d"> = (node, { draft, dy, wants }) => {
  checkAsBuilt(node);
  const [x, weight] = node.inputs;
  const { stride, padding, dilation, groups, activation, hasBias } = node.attrs;
  const [, , kh, kw] = draft.shape(weight);
  const shared = { stride, padding, dilation, groups };
  const conv = { ...shared, activation, hasBias: false, hasResidual: false };
  return [
    wants(0) ? draft.add("conv2d", `${node.name}.dx`, [dy, weight], conv) : undefined,
    wants(1) ? draft.add("convWeightGradient", `${node.name}.dw`, [dy, x], { ...shared, kernel: [kh, kw] }) : undefined,
    hasBias && wants(2) ? draft.add("channelSum", `${node.name}.db`, [dy], {}) : undefined,
  ];
};

const batchNorm: Rule<"batchNorm"> = ({ name, inputs, attrs }, { draft, dy, wants }) => {
  const [x, gamma, beta, mean, variance] = inputs;
  const input = (): ValueId => {
    const zeros = draft.zeros(beta);
    return draft.add("batchNorm", `${name}.dx`, [dy, gamma, zeros, zeros, variance], attrs);
  };
  return [
    wants(0) ? input() : undefined,
    wants(1) ? draft.add("batchNormWeightGradient", `${name}.dw`, [x, dy, mean, variance], attrs) : undefined,
    wants(2) ? draft.add("channelSum", `${name}.db`, [dy], {}) : undefined,
  ];
};

const layerNorm: Rule<"layerNorm"> = ({ name, inputs, attrs }, { draft, dy, wants }) => {
  const [x, weight] = inputs;
  return [
    wants(0) ? draft.add("layerNormGradient", `${name}.dx`, [x, weight, dy], attrs) : undefined,
    wants(1) ? draft.add("layerNormWeightGradient", `${name}.dw`, [x, dy], attrs) : undefined,
    wants(2) ? draft.add("channelSum", `${name}.db`, [dy], {}) : undefined,
  ];
};

const concat: Rule<"concat"> = ({ name, inputs, attrs: { axis } }, { draft, dy, wants }) => {
  let end = 0;
  return inputs.map((id, i) => {
    const start = end;
    end += draft.shape(id)[axis];
    if (!wants(i)) return undefined;
    if (inputs.length === 1) return dy;
    if (axis === 1 && draft.shape(id).length === 4) {
      return draft.add("sliceChannels", `${name}.d${i}`, [dy], { start, end });
    }
    return draft.add("sliceAxis", `${name}.d${i}`, [dy], { axis, start, end });
  });
};

const attention: Rule<"attention"> = ({ name, inputs: [q, k, v], attrs: { heads } }, { draft, dy, wants }) =>
  (["q", "k", "v"] as const).map((of, i) =>
    wants(i) ? draft.add("attentionGradient", `${name}.d${of}`, [q, k, v, dy], { heads, of }) : undefined,
  );

/** Losses compare what heads give before it is decoded. */
function refuseHead({ name }: { readonly name: string }): never {
  throw new UnsupportedError(`backward: the gradient of decoded boxes is not computed; take the head's maps (${name})`);
}

export const RULES: Rules = {
  conv2d,
  convTranspose2d,
  batchNorm,
  layerNorm,
  concat,
  attention,
  activation: ({ name, inputs: [x], attrs }, { draft, dy }) => [
    attrs.activation.kind === "identity" ? dy : draft.add("activationGradient", `${name}.dx`, [x, dy], attrs),
  ],
  maxPool2d: ({ name, inputs: [x], attrs }, { draft, dy }) => [
    draft.add("maxPoolGradient", `${name}.dx`, [x, dy], attrs),
  ],
  upsampleNearest: ({ name, attrs }, { draft, dy }) => [draft.add("sumBlocks", `${name}.dx`, [dy], attrs)],
  add: ({ inputs }, { dy }) => inputs.map(() => dy),
  scale: ({ name, attrs }, { draft, dy }) => [draft.add("scale", `${name}.dx`, [dy], attrs)],
  pad2d: ({ name, attrs: { padding } }, { draft, dy }) => {
    const [left, right, top, bottom] = padding;
    return [draft.add("pad2d", `${name}.dx`, [dy], { padding: [-left, -right, -top, -bottom], value: 0 })];
  },
  spaceToDepth: ({ name, attrs }, { draft, dy }) => [draft.add("spaceToDepthGradient", `${name}.dx`, [dy], attrs)],
  depthToSpace: ({ name, attrs: { block } }, { draft, dy }) => [
    draft.add("spaceToDepth", `${name}.dx`, [dy], { block, order: "contract" }),
  ],
  globalAveragePool: ({ name, inputs: [x] }, { draft, dy }) => {
    const [, , h, w] = draft.shape(x);
    return [draft.add("spreadPixels", `${name}.dx`, [dy], { size: [h, w] })];
  },
  flatten: ({ name, inputs: [x] }, { draft, dy }) => [
    draft.add("reshape", `${name}.dx`, [dy], { shape: draft.shape(x) }),
  ],
  softmax: ({ name, outputs: [y], attrs }, { draft, dy }) => [
    draft.add("softmaxGradient", `${name}.dx`, [y, dy], attrs),
  ],
  sliceChannels: ({ name, inputs: [x], attrs: { start } }, { draft, dy }) => [
    draft.add("insertChannels", `${name}.dx`, [dy], { start, channels: draft.shape(x)[1] }),
  ],
  fakeQuantize: ({ name, inputs: [x], attrs }, { draft, dy }) => [
    draft.add("fakeQuantizeGradient", `${name}.dx`, [x, dy], attrs),
  ],
  detect: refuseHead,
  detectAnchorFree: refuseHead,
};
