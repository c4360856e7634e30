/** What an ONNX file holds, as inert data (onnx.proto, github.com/onnx/onnx). */

import type { HostTensor } from "../../tensor/index.js";

/** An attribute of a node. Graphs (bodies of If and Loop) are only named: nothing here runs them. */
export type OnnxAttribute =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "floats" | "ints"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: HostTensor }
  | { readonly kind: "graph" };

export interface OnnxNode {
  /** Its own name, or that of its first output. */
  readonly name: string;
  readonly operator: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  /** Names of values; empty for an optional one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** A tensor that goes in or out; dimensions that are not fixed are undefined. */
export interface OnnxPort {
  readonly name: string;
  readonly shape: readonly (number | undefined)[];
  /** TensorProto.DataType; 0 where the file does not say. */
  readonly elementType: number;
}

export interface OnnxModel {
  /** Version of ONNX's own operators. */
  readonly opset: number;
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** In an order in which they can run. */
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, HostTensor>;
  /** Without those that constants give a default for. */
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
}

/** The contents of a file that an ONNX file names beside it; undefined where this place has no such files. */
export type ExternalFiles = ReadonlyMap<string, Uint8Array>;
