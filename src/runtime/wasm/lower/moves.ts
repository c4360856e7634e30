/** Ops that only move data, all by the strided copy; where the layout allows, no copy at all. */

import type { NodeOf, ValueId } from "../../../ops/index.js";
import { elementCount } from "../../../tensor/index.js";
import { sameSegments, sliceSegments, storedChannels } from "../../channels.js";
import type { Nhwc } from "./layout.js";
import type { Lowering } from "./lowering.js";
import type { Address } from "./storages.js";

const at = (view: Nhwc, bytes = 0): Address => ({ storage: view.storage, offset: view.offset + bytes });
const rowOf = (view: Nhwc): number => view.w * view.pixelBytes;
const imageOf = (view: Nhwc): number => view.h * rowOf(view);

/** Copies whole pixels of equal layout. */
function copyPixels(lowering: Lowering, from: Nhwc, to: Nhwc): void {
  const floats = storedChannels(to.segments);
  lowering.copy(
    at(from),
    at(to),
    [to.n * to.h, 1, 1, 1, to.w, floats],
    [rowOf(from), 0, 0, 0, from.pixelBytes, 4],
    [rowOf(to), 0, 0, 0, to.pixelBytes, 4],
  );
}

export function lowerConcat(lowering: Lowering, node: NodeOf<"concat">): void {
  const [output] = node.outputs;
  const { axis } = node.attrs;
  const rank4 = lowering.shape(output).length === 4;
  if (node.inputs.length === 1) {
    if (rank4) lowering.alias(output, lowering.nhwc(node.inputs[0]));
    else lowering.aliasDense(output, lowering.dense(node.inputs[0]));
    return;
  }
  if (!rank4 || axis !== 1) {
    concatDense(lowering, node.inputs, output, axis);
    return;
  }
  const whole = lowering.outputNhwc(output);
  let floats = 0;
  for (const id of node.inputs) {
    const place = lowering.channels.places.get(id);
    const segments = lowering.segments(id);
    if (place?.parent !== output || place.channel !== floats) {
      copyPixels(lowering, lowering.nhwc(id), { ...whole, offset: whole.offset + floats * 4, segments });
    } else {
      // It stands in its slice already; a value that was computed dense is converted into it here.
      lowering.nhwc(id);
    }
    floats += storedChannels(segments);
  }
}

function concatDense(lowering: Lowering, inputs: readonly ValueId[], output: ValueId, axis: number): void {
  const shape = lowering.shape(output);
  const outer = elementCount(shape.slice(0, axis));
  const step = elementCount(shape.slice(axis)) * 4;
  const sources = inputs.map((id) => lowering.dense(id));
  const out = lowering.outputDense(output);
  let offset = 0;
  for (const source of sources) {
    const chunk = elementCount(source.shape.slice(axis));
    lowering.copy(
      { storage: source.storage, offset: source.offset },
      { storage: out.storage, offset: out.offset + offset },
      [outer, 1, 1, 1, 1, chunk],
      [chunk * 4, 0, 0, 0, 0, 4],
      [step, 0, 0, 0, 0, 4],
    );
    offset += chunk * 4;
  }
}

export function lowerUpsample(lowering: Lowering, node: NodeOf<"upsampleNearest">): void {
  const [sy, sx] = node.attrs.scale;
  const input = lowering.nhwc(node.inputs[0]);
  if (sy === 1 && sx === 1) {
    lowering.alias(node.outputs[0], input);
    return;
  }
  const output = lowering.outputNhwc(node.outputs[0]);
  lowering.copy(
    at(input),
    at(output),
    [input.n * input.h, sy, input.w, sx, 1, storedChannels(input.segments)],
    [rowOf(input), 0, input.pixelBytes, 0, 0, 4],
    [sy * rowOf(output), rowOf(output), sx * output.pixelBytes, output.pixelBytes, 0, 4],
  );
}

export function lowerPad(lowering: Lowering, node: NodeOf<"pad2d">): void {
  const [left, , top] = node.attrs.padding;
  const input = lowering.nhwc(node.inputs[0]);
  const output = lowering.outputNhwc(node.outputs[0]);
  const floats = storedChannels(output.segments);
  const { value } = node.attrs;
  const constant = lowering.constant(`${floats} of ${value}`, [], floats, (target) => target.fill(value));
  lowering.copy(
    constant,
    at(output),
    [output.n * output.h, 1, 1, 1, output.w, floats],
    [0, 0, 0, 0, 0, 4],
    [rowOf(output), 0, 0, 0, output.pixelBytes, 4],
  );
  // Negative padding crops.
  const y0 = Math.max(0, -top);
  const x0 = Math.max(0, -left);
  const rows = Math.min(input.h, output.h - top) - y0;
  const columns = Math.min(input.w, output.w - left) - x0;
  if (rows <= 0 || columns <= 0) return;
  lowering.copy(
    at(input, y0 * rowOf(input) + x0 * input.pixelBytes),
    at(output, (y0 + top) * rowOf(output) + (x0 + left) * output.pixelBytes),
    [input.n, rows, 1, 1, columns, floats],
    [imageOf(input), rowOf(input), 0, 0, input.pixelBytes, 4],
    [imageOf(output), rowOf(output), 0, 0, output.pixelBytes, 4],
  );
}

export function lowerSpaceToDepth(lowering: Lowering, node: NodeOf<"spaceToDepth">): void {
  const { block, order } = node.attrs;
  const input = lowering.nhwc(node.inputs[0]);
  const output = lowering.outputNhwc(node.outputs[0]);
  const floats = storedChannels(input.segments);
  for (let slice = 0; slice < block * block; slice++) {
    const [major, minor] = [Math.floor(slice / block), slice % block];
    const [dy, dx] = order === "focus" ? [minor, major] : [major, minor];
    lowering.copy(
      at(input, dy * rowOf(input) + dx * input.pixelBytes),
      at(output, slice * floats * 4),
      [output.n, output.h, 1, 1, output.w, floats],
      [imageOf(input), block * rowOf(input), 0, 0, block * input.pixelBytes, 4],
      [imageOf(output), rowOf(output), 0, 0, output.pixelBytes, 4],
    );
  }
}

export function lowerDepthToSpace(lowering: Lowering, node: NodeOf<"depthToSpace">): void {
  const { block } = node.attrs;
  const input = lowering.compact(node.inputs[0]);
  const output = lowering.outputNhwc(node.outputs[0]);
  const channels = lowering.shape(node.outputs[0])[1];
  for (let slice = 0; slice < block * block; slice++) {
    const [dy, dx] = [Math.floor(slice / block), slice % block];
    lowering.copy(
      at(input, slice * channels * 4),
      at(output, dy * rowOf(output) + dx * output.pixelBytes),
      [input.n, input.h, 1, 1, input.w, channels],
      [imageOf(input), rowOf(input), 0, 0, input.pixelBytes, 4],
      [imageOf(output), block * rowOf(output), 0, 0, block * output.pixelBytes, 4],
    );
  }
  lowering.clearGaps(output);
}

export function lowerFlatten(lowering: Lowering, node: NodeOf<"flatten">): void {
  const dense = lowering.dense(node.inputs[0]);
  const shape = lowering.shape(node.outputs[0]);
  lowering.aliasDense(node.outputs[0], { ...dense, shape });
}

export function lowerSlice(lowering: Lowering, node: NodeOf<"sliceChannels">): void {
  const { start, end } = node.attrs;
  const input = lowering.nhwc(node.inputs[0]);
  const slice = sliceSegments(input.segments, start, end);
  if (slice && sameSegments(slice.segments, lowering.segments(node.outputs[0]))) {
    const { offset, segments } = slice;
    lowering.alias(node.outputs[0], { ...input, offset: input.offset + offset * 4, segments });
    return;
  }
  const output = lowering.outputNhwc(node.outputs[0]);
  let logical = 0;
  let written = 0;
  for (const segment of input.segments) {
    const from = Math.max(start, logical);
    const to = Math.min(end, logical + segment.count);
    if (from < to) {
      lowering.copy(
        at(input, (segment.start + from - logical) * 4),
        at(output, written * 4),
        [input.n * input.h, 1, 1, 1, input.w, to - from],
        [rowOf(input), 0, 0, 0, input.pixelBytes, 4],
        [rowOf(output), 0, 0, 0, output.pixelBytes, 4],
      );
      written += to - from;
    }
    logical += segment.count;
  }
  lowering.clearGaps(output);
}
