/** Every op's attributes, as plain typed data. Pairs are [height, width]. */

export type Pair = readonly [number, number];

/** Activation functions, with PyTorch's definitions and defaults. */
export type Activation =
  | { readonly kind: "identity" }
  | { readonly kind: "silu" }
  | { readonly kind: "sigmoid" }
  | { readonly kind: "relu" }
  | { readonly kind: "relu6" }
  | { readonly kind: "leakyRelu"; readonly slope: number }
  | { readonly kind: "hardswish" }
  | { readonly kind: "hardsigmoid" }
  | { readonly kind: "mish" }
  | { readonly kind: "gelu" }
  | { readonly kind: "tanh" }
  | { readonly kind: "elu"; readonly alpha: number }
  | { readonly kind: "softplus" };

export const IDENTITY = { kind: "identity" } as const;

/** The numbers of an activation beside its kind, in the order of their declaration: a slope, an alpha. */
export function activationParameters({ kind: _, ...parameters }: Activation): readonly number[] {
  return Object.values<number>(parameters);
}

/**
 * How a convolution may be computed in integers: x ≈ (q − zeroPoint)·scale with q in 0 … 255, and the weight of output o,
 * which the graph holds as float32, is a whole number in −127 … 127 times `weightScales[o]`. Backends without integer
 * kernels ignore it and lose nothing: the weights are those numbers.
 */
export interface ConvQuantization {
  readonly inputScale: number;
  readonly inputZeroPoint: number;
  /** One per output channel, above 0. */
  readonly weightScales: Float32Array;
  /** The whole numbers have up to fifteen bits (`ops/quantized/wide.ts`). */
  readonly wide?: true;
}

interface Conv2dAttributes {
  readonly stride: Pair;
  /** Symmetric zero padding. */
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
  /** Applied after the bias; `identity` in a graph as built. */
  readonly activation: Activation;
}

interface ConvTranspose2dAttributes extends Conv2dAttributes {
  readonly outputPadding: Pair;
}

export interface OpAttributes {
  /** Inputs: x [N,C,H,W], weight [O,C/groups,kh,kw], bias [O] (optional), residual [N,O,H',W'] (optional, added after the activation). */
  conv2d: Conv2dAttributes & {
    readonly hasBias: boolean;
    readonly hasResidual: boolean;
    readonly quantization?: ConvQuantization;
  };
  /** Inputs: x, weight [C,O/groups,kh,kw], bias (optional). */
  convTranspose2d: ConvTranspose2dAttributes & { readonly hasBias: boolean };
  /** Inputs: x, weight γ [C], bias β [C], running mean [C], running variance [C]. */
  batchNorm: { readonly eps: number };
  activation: { readonly activation: Activation };
  /** Padding counts as −∞, as in PyTorch. */
  maxPool2d: {
    readonly kernel: Pair;
    readonly stride: Pair;
    readonly padding: Pair;
    readonly dilation: Pair;
    readonly ceilMode: boolean;
  };
  upsampleNearest: { readonly scale: Pair };
  /** Any number of inputs along one axis. */
  concat: { readonly axis: number };
  /** Element-wise sum of two or more tensors of one shape. */
  add: Record<never, never>;
  /** Element-wise product with a number. */
  scale: { readonly factor: number };
  /** Padding [left, right, top, bottom], as nn.ZeroPad2d. */
  pad2d: { readonly padding: readonly [number, number, number, number]; readonly value: number };
  /**
   * Space to depth, `block`² slices put one after another along channels.
   * `focus`: YOLOv5's Focus order (row, col) = (0,0),(1,0),(0,1),(1,1); `contract`: (0,0),(0,1),(1,0),(1,1).
   */
  spaceToDepth: { readonly block: number; readonly order: "focus" | "contract" };
  /** Inverse of `contract`. */
  depthToSpace: { readonly block: number };
  /** Mean over height and width: [N,C,H,W] → [N,C,1,1]. */
  globalAveragePool: Record<never, never>;
  /** Keeps the first axis: [N,…] → [N, product]. */
  flatten: Record<never, never>;
  softmax: { readonly axis: number };
  /** Over the channel axis of NCHW, at each pixel. Inputs: x, weight [C], bias [C]. */
  layerNorm: { readonly eps: number };
  /**
   * Scaled dot-product attention over all pixels; inputs q and k [N,C,H,W], v [N,D,H,W], channels split into `heads`
   * consecutive groups; softmax(q·kᵀ ÷ √(C/heads))·v, in v's layout.
   */
  attention: { readonly heads: number };
  /** Channels [start, end). */
  sliceChannels: { readonly start: number; readonly end: number };
  /**
   * YOLOv5's Detect head after its convolutions: inputs are one [N, na·no, H, W] per level, the output is
   * [N, Σ na·H·W, no] in the order level, anchor, row, column: xy = (2σ − 0.5 + grid)·stride, wh = (2σ)²·anchor,
   * σ for objectness and classes; the last `maskCoefficients` of the `outputs` stay as they are.
   */
  detect: {
    /** Per level: na pairs (width, height) in input pixels, flattened. */
    readonly anchors: readonly (readonly number[])[];
    readonly strides: readonly number[];
    /** no = 5 + classes + maskCoefficients. */
    readonly outputs: number;
    readonly maskCoefficients: number;
  };
  /**
   * The head of anchor-free networks after its convolutions. Inputs are, a level after the other, distances
   * [N, 4·bins, H, W] (left, top, right, bottom; 4 channels without bins), class scores [N, classes, H, W] and, where `extras`
   * is not 0, further values [N, extras, H, W]. The output is [N, Σ H·W, 4 + classes + extras] in the order level, row, column:
   * with the cell's centre at (column + ½, row + ½), the box in input pixels, σ of the scores, then the further values.
   */
  detectAnchorFree: {
    readonly strides: readonly number[];
    /** Distances that a softmax weighs, in cells; empty where the map holds distances themselves. */
    readonly bins: readonly number[];
    readonly classes: number;
    /** Mask coefficients, which stay as they are, or numbers of keypoints. */
    readonly extras: number;
    /** Numbers a keypoint, 0 for none: x = (2t + column)·stride, y likewise; from the third on σ. */
    readonly keypointSize: number;
    /** The box as x1, y1, x2, y2 instead of centre and size: heads whose boxes need no suppression. */
    readonly corners: boolean;
  };
}

export type OpType = keyof OpAttributes;
