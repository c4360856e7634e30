/** The bundled source of `decoders/onnx.ts`, inserted by the build and imported with the first ONNX export. */

declare const __ONNX_PROGRAM__: string;

export const PROGRAM: string = typeof __ONNX_PROGRAM__ === "undefined" ? "" : __ONNX_PROGRAM__;
