/** Checkpoints: sound models with odd values in every place that is read, in zips and legacy files that lie. */

import { deflateSync } from "fflate";
import { conv, dict, list, modelFile } from "../../weights/hostileFiles.js";
import { bytes, checkpoint, int, le, moduleOps, text } from "../../weights/support.js";
import type { Draw } from "../draw.js";
import { PickleWriter, STORED } from "./pickleWriter.js";

/** Modules of the engine, with the attributes that it reads. */
const MODULES: readonly (readonly [string, readonly string[]])[] = [
  ["torch.nn.MaxPool2d", ["kernel_size", "stride", "padding", "dilation", "ceil_mode"]],
  ["torch.nn.ZeroPad2d", ["padding"]],
  ["torch.nn.Upsample", ["scale_factor", "size", "mode"]],
  ["torch.nn.AdaptiveAvgPool2d", ["output_size"]],
  ["torch.nn.LeakyReLU", ["negative_slope"]],
  ["torch.nn.Softplus", ["beta", "threshold"]],
  ["models.common.Contract", ["gain"]],
  ["models.common.Expand", ["gain"]],
  ["models.common.Concat", ["d"]],
  ["models.common.Sum", ["weight", "n"]],
  ["torch.nn.SiLU", []],
];
const CONTAINERS = [
  "Sequential",
  "Bottleneck",
  "C3",
  "SPP",
  "SPPF",
  "GhostBottleneck",
  "Conv",
  "TransformerLayer",
  "Classify",
];
const PARTS = [
  "0",
  "1",
  "conv",
  "bn",
  "act",
  "cv1",
  "cv2",
  "cv3",
  "m",
  "shortcut",
  "q",
  "k",
  "v",
  "ma",
  "fc1",
  "fc2",
  "pool",
  "linear",
];
const HEAD = ["stride", "nc", "na", "nm", "nl", "anchors", "nkpt", "f", "i", "inplace"];
const MODEL = ["names", "stride", "nc", "yaml", "save", "inplace", "hyp"];
const TOP = [
  "date",
  "epoch",
  "best_fitness",
  "opt",
  "git",
  "ema",
  "int8",
  "optimizer",
  "version",
  "names",
  "train_args",
];

/** Some of the attributes, each with any value. */
function attributes(draw: Draw, writer: PickleWriter, names: readonly string[], most = 2): Record<string, string> {
  const found: Record<string, string> = {};
  const values = writer.part();
  for (const name of draw.several(0, most, () => draw.pick(names))) {
    found[name] = draw.chance(0.6) ? int(draw.pick([0, 1, 2, 3, -1, draw.odd() | 0])) : values.value();
  }
  return found;
}

function layer(draw: Draw, writer: PickleWriter, depth = 3): string {
  const wiring = draw.chance(0.15) ? { f: draw.pick([writer.part().value(), int(-1), list([int(-1), int(0)])]) } : {};
  return draw.weighted<() => string>([
    [
      3,
      () => {
        const [type, names] = draw.pick(MODULES);
        return moduleOps(type, {}, {}, { ...attributes(draw, writer, names), ...wiring });
      },
    ],
    [
      3,
      () => {
        const names = ["stride", "padding", "dilation", "groups", "padding_mode", "output_padding"];
        const k = draw.pick([1, 1, 3]);
        const type = draw.pick(["torch.nn.Conv2d", "torch.nn.Conv2d", "torch.nn.ConvTranspose2d"]);
        const side = (): number => draw.lie(8, 1000, 0.1);
        return conv([side(), side(), k, k], { ...attributes(draw, writer, names), ...wiring }, type);
      },
    ],
    [
      2,
      () => {
        if (depth === 0) return moduleOps("torch.nn.ReLU");
        const children: Record<string, string> = {};
        for (const name of draw.several(0, 5, () => draw.pick(PARTS))) children[name] = layer(draw, writer, depth - 1);
        return moduleOps(
          `models.common.${draw.pick(CONTAINERS)}`,
          children,
          {},
          attributes(draw, writer, ["add", "x"]),
        );
      },
    ],
    [1, () => moduleOps(`${draw.text().replace(/\n/g, "")}.x`, {}, { weight: writer.part().tensor() }, wiring)],
    [0.3, () => writer.part().value()],
  ])();
}

/** A model with a head over `layers`, parts of which are any value. */
export function checkpointFile(draw: Draw): Uint8Array {
  const first = new PickleWriter(draw);
  const before = draw.chance(0.4) ? `${first.value(6)}0` : "";
  const writer = first.part(first.memo);
  const layers = draw.several(0, 4, () => layer(draw, writer));
  const odd = (names: readonly string[]): Record<string, string> =>
    draw.chance(0.4) ? attributes(draw, writer, names) : {};
  return modelFile({
    before,
    layers,
    head: odd(HEAD),
    model: odd(MODEL),
    top: odd(TOP),
  });
}

/** Any value as the whole of a zip, or a state dict of tensors. */
export function valueFile(draw: Draw): Uint8Array {
  const writer = new PickleWriter(draw);
  const ops = draw.chance(0.5)
    ? writer.value(6)
    : dict(
        Object.fromEntries(
          draw.several(1, 6, (i) => [draw.pick([`model.${i}.conv.weight`, "x", "a.b"]), writer.tensor()]),
        ),
      );
  const storages = { 0: new Uint8Array(draw.lie(4 * STORED, 2 ** 20, 0.05)), 1: new Uint8Array(8) };
  return checkpoint(bytes(writer.disturbed(ops), "."), storages);
}

const MAGIC = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/** The format of before 1.6, each of its parts sometimes another than it should be. */
export function legacyFile(draw: Draw): Uint8Array {
  const writer = new PickleWriter(draw);
  const or = (ops: string): string => (draw.chance(0.04) ? writer.part().value() : ops);
  const tensors = Object.fromEntries(draw.several(1, 4, (i) => [`model.${i}.weight`, writer.tensor()]));
  const protocol = or(`M${le(1001, 2)}`);
  const system = or(dict({ little_endian: "\x88" }));
  const object = writer.disturbed(or(dict(tensors)));
  const keys = or(
    list(
      draw
        .weighted([
          [30, ["0"]],
          [1, draw.pick([["0", "1"], [], ["1", "0", "0"]])],
        ])
        .map(text),
    ),
  );
  const stored = draw.chance(0.9) ? [STORED] : draw.several(0, 3, () => draw.pick([2, 4096, STORED]));
  const storages = stored.map((length) => bytes(le(draw.lie(length), 8), new Uint8Array(4 * length)));
  const parts = [protocol, system, object, keys].map((ops) => `\x80\x02${ops}.`);
  return bytes(MAGIC, ...parts, ...storages);
}

/** A sound checkpoint in a zip whose local headers, directory and end record lie. */
export function zipFile(draw: Draw): Uint8Array {
  const pickle = bytes(dict({ model: moduleOps("a.B", { 0: conv([2, 2, 1, 1]) }) }), ".");
  const content: (readonly [string, Uint8Array])[] = [
    ["archive/data.pkl", pickle],
    ["archive/version", bytes("3\n")],
    ["archive/data/0", new Uint8Array(draw.lie(4 * STORED, 2 ** 20, 0.05))],
    ...draw.several(0, 3, (): readonly [string, Uint8Array] => [
      draw.pick([
        "archive/data/1",
        "archive/byteorder",
        "archive/data/2",
        draw.pick(["archive/data.pkl", "x/data.pkl"]),
        draw.text().replace(/[^\x20-\x7e]/g, ""),
      ]),
      draw.chance(0.5) ? bytes("little") : pickle,
    ]),
  ];
  // Few lies in one file: the first one ends the reading.
  const lie = (truth: number, most = 2 ** 32 - 1): number => draw.lie(truth, most, 0.012);
  const parts: (string | Uint8Array)[] = [];
  const directory: string[] = [];
  let at = 0;
  for (const [name, data] of content) {
    const method = lie(draw.pick([0, 0, 8]), 65535);
    const stored = method === 8 ? deflateSync(data) : data;
    const fields = (): string =>
      `${le(lie(20, 65535), 2)}${le(lie(0, 65535), 2)}${le(method, 2)}${le(0, 4)}${le(lie(0))}` +
      `${le(lie(stored.length))}${le(lie(data.length))}${le(lie(name.length, 65535), 2)}`;
    const zip64 = draw.chance(0.1)
      ? `\x01\0${le(24, 2)}${le(lie(data.length), 8)}${le(lie(stored.length), 8)}${le(at, 8)}`
      : "";
    const local = `PK\x03\x04${fields()}${le(lie(0, 65535), 2)}${name}`;
    directory.push(
      `PK\x01\x02${le(20, 2)}${fields()}${le(lie(zip64.length, 65535), 2)}${le(lie(0, 65535), 2)}` +
        `${le(0, 8)}${le(lie(at, 2 ** 32 - 1))}${name}${zip64}`,
    );
    parts.push(local, stored);
    at += local.length + stored.length;
  }
  const table = directory.join("");
  const count = lie(directory.length, 65535);
  const end = `PK\x05\x06${le(lie(0, 2 ** 32 - 1))}${le(count, 2)}${le(count, 2)}${le(lie(table.length))}${le(lie(at, 2 ** 32 - 1))}${le(lie(0, 65535), 2)}`;
  return bytes(...parts, table, end, draw.chance(0.1) ? draw.text().replace(/[^\x20-\x7e]/g, "") : "");
}
