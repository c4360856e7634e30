/**
 * Where the numbers of a value lie in a picture [N, C, H, W] of the network: exporters write splits, attention and
 * classification as slices, reshapes and transposes, which move nothing. A dimension is a product of factors, each with
 * the distance between its steps, so that every reshape is a regrouping.
 */

/** `size` steps, `step` numbers apart. */
export interface Factor {
  readonly size: number;
  readonly step: number;
}

/** The step of the tree that gives a picture; -1 is the network's input. */
export type PictureId = number;

export interface Picture {
  readonly id: PictureId;
  readonly shape: readonly [n: number, c: number, h: number, w: number];
}

export interface View {
  readonly picture: Picture;
  /** Outermost factor first. */
  readonly dimensions: readonly (readonly Factor[])[];
  readonly offset: number;
}

/** Neighbouring factors that are one run become one; factors of one step vanish. */
function merged(factors: readonly Factor[]): Factor[] {
  const out: Factor[] = [];
  for (const factor of factors) {
    if (factor.size === 1) continue;
    const before = out[out.length - 1];
    if (before && before.step === factor.size * factor.step) {
      out[out.length - 1] = { size: before.size * factor.size, step: factor.step };
    } else out.push(factor);
  }
  return out;
}

const product = (factors: readonly Factor[]): number => factors.reduce((count, { size }) => count * size, 1);

export const shapeOfView = ({ dimensions }: View): number[] => dimensions.map(product);

/** The picture itself. */
export function wholePicture(picture: Picture): View {
  const [n, c, h, w] = picture.shape;
  const sides = [
    { size: n, step: c * h * w },
    { size: c, step: h * w },
    { size: h, step: w },
    { size: w, step: 1 },
  ];
  return { picture, dimensions: sides.map((side) => merged([side])), offset: 0 };
}

/** Undefined if a factor would have to be split at a number that does not divide it. */
export function reshapeView(view: View, shape: readonly number[]): View | undefined {
  const open = merged(view.dimensions.flat());
  const dimensions: Factor[][] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const factors: Factor[] = [];
    let rest = shape[axis];
    while (rest > 1) {
      const factor = open.pop();
      if (!factor) return undefined;
      if (rest % factor.size === 0) {
        factors.unshift(factor);
        rest /= factor.size;
        continue;
      }
      if (factor.size % rest !== 0) return undefined;
      factors.unshift({ size: rest, step: factor.step });
      open.push({ size: factor.size / rest, step: factor.step * rest });
      rest = 1;
    }
    dimensions.unshift(merged(factors));
  }
  return open.length === 0 ? { ...view, dimensions } : undefined;
}

export function transposeView(view: View, axes: readonly number[]): View {
  return { ...view, dimensions: axes.map((axis) => view.dimensions[axis]) };
}

/** Undefined if the part begins or ends within an inner factor. */
export function sliceView(view: View, axis: number, start: number, step: number, count: number): View | undefined {
  const factors = view.dimensions[axis];
  const size = product(factors);
  if (start === 0 && step === 1 && count === size) return view;
  if (step < 1 || count < 1 || factors.length === 0) return undefined;
  const [outer, ...inner] = factors;
  const each = product(inner);
  if (each > 1 && (step !== 1 || start % each !== 0 || count % each !== 0)) return undefined;
  const cut = { size: count / each, step: outer.step * step };
  const dimensions = view.dimensions.map((own, i) => (i === axis ? merged([cut, ...inner]) : own));
  return { ...view, dimensions, offset: view.offset + (start / each) * outer.step };
}

/** Every position that factors reach, in order. */
function placesOf(factors: readonly Factor[]): number[] {
  let places = [0];
  for (const { size, step } of factors) {
    places = places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * step));
  }
  return places;
}

const sameFactors = (a: readonly Factor[], b: readonly Factor[]): boolean =>
  a.length === b.length && a.every(({ size, step }, i) => size === b[i].size && step === b[i].step);

/** The batch as it lies in the picture. */
const batchOf = ({ shape: [n, c, h, w] }: Picture): Factor[] => merged([{ size: n, step: c * h * w }]);

/** Channels of the picture that factors and an offset name; undefined if they name anything else. */
function channelsAt({ shape: [, c, h, w] }: Picture, offset: number, factors: readonly Factor[]): number[] | undefined {
  if (product(factors) > 65_536) return undefined;
  const channels = placesOf(factors).map((place) => (place + offset) / (h * w));
  return channels.every((channel) => Number.isInteger(channel) && channel >= 0 && channel < c) ? channels : undefined;
}

/** The channels that a view [N, channels, H, W] takes, its pixels untouched; undefined for any other view. */
export function channelsOfPicture(view: View): number[] | undefined {
  const { picture, dimensions, offset } = view;
  const [, , h, w] = picture.shape;
  if (dimensions.length !== 4 || !sameFactors(dimensions[0], batchOf(picture))) return undefined;
  const sides = [merged([{ size: h, step: w }]), merged([{ size: w, step: 1 }])];
  if (!sameFactors(dimensions[2], sides[0]) || !sameFactors(dimensions[3], sides[1])) return undefined;
  return channelsAt(picture, offset, dimensions[1]);
}

/** The meaning of a view's dimensions. */
export interface TokenAxes {
  /** Dimensions of channels, outermost first. */
  readonly channels: readonly number[];
  /** The dimension of all pixels in their order; undefined for pictures of one pixel. */
  readonly pixels: number | undefined;
  /** Dimensions of the batch and, behind it, of channels that come before those of `channels`. */
  readonly lead: readonly number[];
}

/** The channels that a view takes of its picture where its dimensions stand for that; undefined if they do not. */
export function tokenChannels(view: View, { channels, pixels, lead }: TokenAxes): number[] | undefined {
  const { picture, dimensions, offset } = view;
  const [n, c, h, w] = picture.shape;
  const plane = pixels === undefined ? [] : dimensions[pixels];
  if (!sameFactors(plane, merged([{ size: h * w, step: 1 }]))) return undefined;
  let before = merged(lead.flatMap((axis) => dimensions[axis]));
  // A batch of several stands in front; its run may have been joined with that of the channels behind it.
  if (n > 1) {
    const [first, ...rest] = before;
    const step = first && first.step * (first.size / n);
    if (!first || first.size % n !== 0 || (step !== c * h * w && first.step !== c * h * w)) return undefined;
    before = first.size === n ? rest : [{ size: first.size / n, step: first.step }, ...rest];
  }
  return channelsAt(picture, offset, [...before, ...channels.flatMap((axis) => dimensions[axis])]);
}

/** Whether a view holds every number of its picture once. */
export function isWhole({ picture, dimensions, offset }: View): boolean {
  const factors = dimensions.flat().filter(({ size }) => size > 1);
  const sorted = merged([...factors].sort((a, b) => b.step - a.step));
  const count = picture.shape.reduce((a, b) => a * b, 1);
  return offset === 0 && (count === 1 ? sorted.length === 0 : sameFactors(sorted, [{ size: count, step: 1 }]));
}

/** The same numbers of another picture of the same shape. */
export const viewOf = (view: View, picture: Picture): View => ({ ...view, picture });

/** Pixels of blocks laid out as channels: which block, and in which order. */
export interface Blocks {
  readonly block: number;
  /** Per channel: row and column within the block, and the channel of the picture. */
  readonly places: readonly (readonly [row: number, column: number, channel: number])[];
}

/** A view [N, channels, H ÷ block, W ÷ block] whose channels are the pixels of a block; undefined for any other. */
export function blocksOf(view: View): Blocks | undefined {
  const { picture, dimensions, offset } = view;
  const [, c, h, w] = picture.shape;
  if (dimensions.length !== 4 || !sameFactors(dimensions[0], batchOf(picture))) return undefined;
  const [, channels, rows, columns] = dimensions;
  const block = columns.length === 1 ? columns[0].step : w / product(columns);
  const fits =
    Number.isInteger(block) &&
    block > 1 &&
    h % block === 0 &&
    w % block === 0 &&
    sameFactors(rows, merged([{ size: h / block, step: block * w }])) &&
    sameFactors(columns, merged([{ size: w / block, step: block }]));
  if (!fits || product(channels) > 65_536) return undefined;
  const places = placesOf(channels).map((at): readonly [number, number, number] => {
    const place = at + offset;
    const channel = Math.floor(place / (h * w));
    const within = place - channel * h * w;
    return [Math.floor(within / w), within % w, channel];
  });
  const valid = places.every(([row, column, channel]) => row < block && column < block && channel >= 0 && channel < c);
  return valid ? { block, places } : undefined;
}

/** The block of a view [N, C ÷ block², H·block, W·block] that is depth to space, blocks before channels; undefined otherwise. */
export function depthToSpaceBlock(view: View): number | undefined {
  const { picture, dimensions, offset } = view;
  const [, c, h, w] = picture.shape;
  const [, , height, width] = shapeOfView(view);
  const block = width / w;
  if (dimensions.length !== 4 || offset !== 0 || !(block > 1 && Number.isInteger(block)) || height !== h * block) {
    return undefined;
  }
  const depth = c / (block * block);
  const wanted = [
    batchOf(picture),
    merged([{ size: depth, step: h * w }]),
    merged([
      { size: h, step: w },
      { size: block, step: block * depth * h * w },
    ]),
    merged([
      { size: w, step: 1 },
      { size: block, step: depth * h * w },
    ]),
  ];
  return Number.isInteger(depth) && wanted.every((factors, i) => sameFactors(factors, dimensions[i]))
    ? block
    : undefined;
}
