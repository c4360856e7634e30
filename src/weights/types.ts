/** What a checkpoint file holds, as inert data: a module tree, plain values, tensors. */

import type { HostTensor } from "../tensor/index.js";

/** A Python object of an unknown or uninteresting class: its name and whatever state the pickle gave it. */
export interface OpaqueRecord {
  readonly kind: "opaque";
  /** `package.module.Class`. */
  readonly className: string;
  readonly args: readonly PlainValue[];
  readonly state: PlainValue;
}

/** Python values without behaviour. Tuples, lists and sets are arrays; dicts are maps; paths and dtypes are strings. */
export type PlainValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PlainValue[]
  | ReadonlyMap<PlainValue, PlainValue>
  | HostTensor
  | ModuleNode
  | OpaqueRecord;

/** A pickled `torch.nn.Module`. */
export interface ModuleNode {
  readonly kind: "module";
  /** Class name without its package: `Conv`. */
  readonly type: string;
  /** Full class path: `models.common.Conv`. */
  readonly className: string;
  /** Plain attributes (`stride`, `eps`, `inplace`, `f`, `i`, …), without torch's own underscored dictionaries. */
  readonly attributes: ReadonlyMap<string, PlainValue>;
  /** Parameters that are not None (`weight`, `bias`, `in_proj_weight`, …). */
  readonly parameters: ReadonlyMap<string, HostTensor>;
  readonly buffers: ReadonlyMap<string, HostTensor>;
  /** Submodules in order of registration. */
  readonly children: ReadonlyMap<string, ModuleNode>;
}

export type CheckpointFormat = "pytorch-zip" | "pytorch-legacy" | "safetensors" | "onnx";

/** What an ONNX export computes behind its last layers, where this engine does not recognise it: done on the host. */
export interface OwnDecoding {
  /** The only [height, width] of the input that it is for. */
  readonly size: readonly [height: number, width: number];
  /**
   * @param maps outputs of the last layers, [N, C, H, W] each, any N.
   * @returns rows [N, boxes, columns].
   */
  decode(maps: readonly HostTensor[]): HostTensor<"float32">;
}

export interface Checkpoint {
  readonly format: CheckpointFormat;
  /** The pickled module (`ema` before `model`, DataParallel unwrapped), absent for a bare state dict. */
  readonly module?: ModuleNode;
  /** Which of the file's models `module` is, for `info`. */
  readonly source?: "ema" | "model" | "bare";
  /** Tensors by name (`model.0.conv.weight`), `module.` prefixes removed; absent where `module` is present. */
  readonly stateDict?: ReadonlyMap<string, HostTensor>;
  /** Everything else at the top level: `epoch`, `date`, `yaml`, `names` …; for safetensors the parsed metadata. */
  readonly extra: ReadonlyMap<string, PlainValue>;
  /** Of an ONNX export with a head that this engine does not recognise. */
  readonly decoding?: OwnDecoding;
}
