/** Values that are stored in integers: their memory, and the ops between convolutions on them. */

import { invariant } from "../../../../errors.js";
import { type IntegerFormat, integerMaxPool, integerUpsample, padIntegers } from "../../../../kernels/wasm/index.js";
import type { Node, NodeOf, ValueId } from "../../../../ops/index.js";
import { storedChannels } from "../../../channels.js";
import type { Lowering } from "../lowering.js";
import { maxPoolArguments } from "../pointwise.js";
import { bytesOf, channelsIn, framedView, type IntegerView, zeroPointOf } from "./view.js";

/** The format, where integers are computed with. */
function formatOf({ options }: Lowering): IntegerFormat {
  invariant(options.int8, "integers in a float32 program");
  return options.int8;
}

/** Memory of a value that `lowering.integers` names: its own with its border, or its slice of a concatenation. */
export function integerView(lowering: Lowering, id: ValueId): IntegerView {
  return lowering.shared(`integers ${id}`, () => {
    const stored = lowering.integers.get(id);
    invariant(stored, `value ${id} is not stored in integers`);
    const format = formatOf(lowering);
    const segments = lowering.segments(id);
    const place = lowering.channels.places.get(id);
    if (place) {
      const parent = integerView(lowering, place.parent);
      return { ...parent, ...channelsIn(format, segments), offset: parent.offset + place.channel * bytesOf(format) };
    }
    const [n, , h, w] = lowering.shape(id);
    const allocate = (bytes: number) => lowering.allocate(bytes);
    const view = framedView(allocate, format, [n, h, w], segments, stored.border);
    if (view.border.some((width) => width > 0)) {
      const rows = h + 2 * view.border[0];
      lowering.step(
        padIntegers(),
        {
          out: { storage: view.storage, offset: 0 },
          rowBytes: view.rowBytes,
          rows,
          padY: view.border[0],
          padBytes: view.border[1] * view.pixelBytes,
          edge: zeroPointOf(format, stored.quantization),
        },
        n * rows,
      );
    }
    return view;
  });
}

/** Bytes of a picture's channels: whole turns, where these ops are used. */
const channelBytes = (lowering: Lowering, id: ValueId): number =>
  storedChannels(lowering.segments(id)) * bytesOf(formatOf(lowering));

/** Copies a value, each pixel `scale` times along both axes. */
function spread(lowering: Lowering, id: ValueId, out: IntegerView, [scaleY, scaleX]: readonly [number, number]): void {
  const x = integerView(lowering, id);
  lowering.step(
    integerUpsample(),
    {
      x: { storage: x.storage, offset: x.offset },
      xPixel: x.pixelBytes,
      xRow: x.rowBytes,
      xImage: x.imageBytes,
      out: { storage: out.storage, offset: out.offset },
      outPixel: out.pixelBytes,
      outRow: out.rowBytes,
      outImage: out.imageBytes,
      channelBytes: channelBytes(lowering, id),
      width: x.w,
      height: x.h * scaleY,
      scaleY,
      scaleX,
    },
    x.n * x.h * scaleY,
  );
}

type Moving = NodeOf<"maxPool2d"> | NodeOf<"upsampleNearest"> | NodeOf<"concat">;

/** Whether a node's integers come from here; the other ones come from convolutions. */
export const movesIntegers = (node: Node): node is Moving =>
  node.type === "maxPool2d" || node.type === "upsampleNearest" || node.type === "concat";

/** Lowers an op whose output is stored in integers. */
export function lowerStored(lowering: Lowering, node: Moving): void {
  const [output] = node.outputs;
  const out = integerView(lowering, output);
  switch (node.type) {
    case "concat": {
      let channel = 0;
      for (const id of node.inputs) {
        const place = lowering.channels.places.get(id);
        if (place?.parent !== output || place.channel !== channel) {
          spread(lowering, id, { ...out, offset: out.offset + channel * bytesOf(formatOf(lowering)) }, [1, 1]);
        }
        channel += storedChannels(lowering.segments(id));
      }
      return;
    }
    case "upsampleNearest":
      spread(lowering, node.inputs[0], out, node.attrs.scale);
      return;
    case "maxPool2d": {
      const x = integerView(lowering, node.inputs[0]);
      // The kernel counts in 32 bits.
      const channels = channelBytes(lowering, output) / 4;
      lowering.step(integerMaxPool(formatOf(lowering)), maxPoolArguments(node.attrs, x, out, channels), out.n * out.h);
    }
  }
}
