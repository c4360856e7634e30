import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import type { HostTensor } from "../../src/tensor/index.js";
import { openCheckpoint, readSafetensors, writeSafetensors } from "../../src/weights/index.js";
import { bytes, le } from "./support.js";

const every: ReadonlyMap<string, HostTensor> = new Map<string, HostTensor>([
  ["odd.bool", { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ["f16", { dtype: "float16", shape: [1, 3], data: Uint16Array.of(0x3c00, 0x7bff, 0x8000) }],
  ["bf16", { dtype: "bfloat16", shape: [1], data: Uint16Array.of(0x3f80) }],
  ["f32", { dtype: "float32", shape: [2, 2], data: Float32Array.of(1.5, -0, Number.NaN, 3e38) }],
  ["f64", { dtype: "float64", shape: [1], data: Float64Array.of(1 / 3) }],
  ["i64", { dtype: "int64", shape: [2], data: BigInt64Array.of(-(2n ** 63n), 5n) }],
  ["i32", { dtype: "int32", shape: [1], data: Int32Array.of(-5) }],
  ["i16", { dtype: "int16", shape: [1], data: Int16Array.of(-5) }],
  ["i8", { dtype: "int8", shape: [1], data: Int8Array.of(-5) }],
  ["u8", { dtype: "uint8", shape: [1], data: Uint8Array.of(250) }],
  ["scalar", { dtype: "float32", shape: [], data: Float32Array.of(7) }],
  ["empty", { dtype: "float32", shape: [0, 4], data: new Float32Array(0) }],
  ["10", { dtype: "uint8", shape: [1], data: Uint8Array.of(1) }],
  ["__proto__", { dtype: "uint8", shape: [1], data: Uint8Array.of(2) }],
  ['quo"te\\人', { dtype: "uint8", shape: [1], data: Uint8Array.of(3) }],
]);
const metadata = new Map([
  ["format", "pt"],
  ["__proto__", "x"],
  ["names", '{"0":"人","1":"__proto__"}'],
]);

/** A file from header text and data. */
function raw(header: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(header);
  return bytes(le(json.length, 8), json, data);
}

describe("round trip", () => {
  it("returns every tensor and every string", () => {
    const file = writeSafetensors(every, metadata);
    const read = readSafetensors(file);
    expect(new Map([...read.tensors].sort())).toEqual(new Map([...every].sort()));
    expect(read.metadata).toEqual(metadata);
    expect(writeSafetensors(every, metadata)).toEqual(file);
  });

  it("writes aligned tensors that can be read as views", () => {
    const file = writeSafetensors(every);
    for (const [name, tensor] of readSafetensors(file).tensors) {
      if (tensor.data.length > 0) expect(tensor.data.buffer, name).toBe(file.buffer);
    }
  });

  it("reads the same from an unaligned address", () => {
    const file = writeSafetensors(every, metadata);
    const shifted = new Uint8Array(file.length + 1).subarray(1);
    shifted.set(file);
    expect(readSafetensors(shifted).tensors).toEqual(readSafetensors(file).tensors);
  });

  it("reads a header in another order than the data, with spaces and without padding", () => {
    const file = raw(
      ' { "b" : {"dtype":"U8","shape":[1],"data_offsets":[4,5]}, "a":{"shape":[1],"dtype":"F32","data_offsets":[0,4]}}'.trim(),
      bytes("\0\0\x80\x3f\x07"),
    );
    const { tensors } = readSafetensors(file);
    expect([...tensors.keys()]).toEqual(["b", "a"]);
    expect(tensors.get("a")?.data).toEqual(Float32Array.of(1));
    expect(tensors.get("b")?.data).toEqual(Uint8Array.of(7));
  });

  it("refuses to write what it could not read", () => {
    const short: HostTensor = { dtype: "float32", shape: [2], data: new Float32Array(1) };
    expect(() => writeSafetensors(new Map([["w", short]]))).toThrow(/tensor w has 1 elements for 2/);
    const named: HostTensor = { dtype: "float32", shape: [1], data: new Float32Array(1) };
    expect(() => writeSafetensors(new Map([["__metadata__", named]]))).toThrow(/cannot be called __metadata__/);
  });
});

describe("as a checkpoint", () => {
  const tensor: HostTensor = { dtype: "float32", shape: [1], data: Float32Array.of(1) };

  it("gives a state dict and parsed metadata", () => {
    const strings = new Map([
      ["names", '{"0":"qr_code","1":"barcode"}'],
      ["stride", "[8, 16, 32]"],
      ["bn_eps", "0.001"],
      ["license", "MIT"],
      ["version", "7.0"],
      ["broken", "{not json"],
      ["inplace", "true"],
    ]);
    const opened = openCheckpoint(writeSafetensors(new Map([["module.model.0.conv.weight", tensor]]), strings));
    expect(opened.format).toBe("safetensors");
    expect(opened.module).toBeUndefined();
    expect([...(opened.stateDict?.keys() ?? [])]).toEqual(["model.0.conv.weight"]);
    expect(opened.extra).toEqual(
      new Map<string, unknown>([
        [
          "names",
          new Map([
            ["0", "qr_code"],
            ["1", "barcode"],
          ]),
        ],
        ["stride", [8, 16, 32]],
        ["bn_eps", 0.001],
        ["license", "MIT"],
        ["version", "7.0"],
        ["broken", "{not json"],
        ["inplace", true],
      ]),
    );
  });

  it("refuses a file without tensors", () => {
    expect(() => openCheckpoint(writeSafetensors(new Map(), metadata))).toThrow(/without tensors/);
  });

  it("refuses metadata that are nested too deeply", () => {
    const deep = new Map([["yaml", `${"[".repeat(50_000)}${"]".repeat(50_000)}`]]);
    expect(() => openCheckpoint(writeSafetensors(new Map([["w", tensor]]), deep))).toThrow(/nested more than 64/);
  });
});

describe("damaged and hostile files give one clear error", () => {
  const entry = (dtype: string, shape: string, offsets: string): string =>
    `{"w":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`;
  const four = new Uint8Array(4);
  it.each<[string, Uint8Array, RegExp]>([
    ["less than a header length", bytes("abc"), /3 bytes are not a safetensors/],
    ["a header longer than the file", bytes(le(100, 8), "{}"), /header of 100 bytes ends beyond/],
    ["a header of 2^63 bytes", bytes(le(2n ** 63n, 8), "{}"), /at most 2097152 are read/],
    ["no JSON", raw("{,}"), /no valid JSON|not valid JSON/],
    ["a list", raw("[]"), /not a JSON object/],
    ["no UTF-8", bytes(le(3, 8), '{"\xff'), /not UTF-8/],
    ["an unknown type", raw(entry("F8_E4M3", "[4]", "[0,4]"), four), /data type F8_E4M3; known are/],
    ["an entry that is a number", raw('{"w":5}'), /data type undefined/],
    ["a shape that is none", raw(entry("F32", "[1.5]", "[0,4]"), four), /no valid shape/],
    ["a negative dimension", raw(entry("F32", "[-1]", "[0,4]"), four), /no valid shape/],
    ["one offset", raw(entry("F32", "[1]", "[0]"), four), /no valid shape and data_offsets/],
    ["2^60 elements", raw(entry("F32", `[${2 ** 30},${2 ** 30}]`, "[0,4]"), four), /tensor w of shape .* needs/],
    ["offsets in reverse", raw(entry("F32", "[1]", "[4,0]"), four), /needs 4 bytes, its offsets are 4 to 0/],
    ["offsets beyond the end", raw(entry("F32", "[2]", "[0,8]"), four), /ends at byte 8 of 4; the file is cut off/],
    [
      "bytes that belong to nothing",
      raw(entry("F32", "[1]", "[0,4]"), new Uint8Array(9)),
      /tensors end at byte 4, the file's data at 9/,
    ],
    ["a gap", raw(entry("U8", "[1]", "[3,4]"), four), /leaves a gap after byte 0/],
    [
      "an overlap",
      raw(
        '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
        four,
      ),
      /tensor b begins at byte 2, which overlaps byte 3/,
    ],
    [
      "a name twice",
      raw(
        '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\\u0061":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
        four,
      ),
      /names a twice/,
    ],
    ["metadata that is a list", raw('{"__metadata__":[]}'), /__metadata__ is not an object/],
    ["metadata of numbers", raw('{"__metadata__":{"a":1}}'), /metadata a is not a string/],
  ])("%s", (_, file, expected) => {
    expect(() => readSafetensors(file)).toThrow(CheckpointError);
    expect(() => readSafetensors(file)).toThrow(expected);
    expect(() => readSafetensors(file, { path: "a.safetensors" })).toThrow(/^a\.safetensors: /);
  });
});
