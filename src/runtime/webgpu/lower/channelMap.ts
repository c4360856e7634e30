/**
 * Where the channels of a stored tensor lie. Channels are stored in groups of four ("quads"); a concat of tensors whose
 * channel counts are no multiples of four keeps each of them at the start of a quad, so the stored channels then have
 * gaps. A map is the list of runs without gaps: [6, 3] means channels 0…5 at 0…5 and channels 6…8 at 8…10.
 */

export type ChannelMap = readonly number[];

/** Merges runs that have no gap between them. */
export function normalizeMap(runs: readonly number[]): ChannelMap {
  const merged: number[] = [];
  for (const run of runs) {
    const last = merged.length - 1;
    if (last >= 0 && merged[last] % 4 === 0) merged[last] += run;
    else merged.push(run);
  }
  return merged;
}

export const plainMap = (channels: number): ChannelMap => [channels];

/** Channel i is stored at i. */
export const isPlain = (map: ChannelMap): boolean => map.length === 1;

export const channelsOf = (map: ChannelMap): number => map.reduce((sum, run) => sum + run, 0);

export const quadsOf = (map: ChannelMap): number => map.reduce((sum, run) => sum + Math.ceil(run / 4), 0);

export const sameMap = (a: ChannelMap, b: ChannelMap): boolean =>
  a.length === b.length && a.every((run, i) => run === b[i]);

/** Stored channel of every channel. */
export function storedOfChannels(map: ChannelMap): number[] {
  const stored: number[] = [];
  let quad = 0;
  for (const run of map) {
    for (let c = 0; c < run; c++) stored.push(quad * 4 + c);
    quad += Math.ceil(run / 4);
  }
  return stored;
}

/** Channel of every stored channel, −1 in gaps. */
export function channelsOfStored(map: ChannelMap): number[] {
  const channels = new Array<number>(quadsOf(map) * 4).fill(-1);
  storedOfChannels(map).forEach((stored, channel) => {
    channels[stored] = channel;
  });
  return channels;
}

/**
 * Channels [start, end) as a view: the first quad and the map, or undefined where `start` lies within a quad. The last
 * quad may hold foreign channels beyond `end`: they count as gaps, whose content is any finite number.
 */
export function sliceMap(
  map: ChannelMap,
  start: number,
  end: number,
): { readonly firstQuad: number; readonly map: ChannelMap } | undefined {
  const runs: number[] = [];
  let firstQuad = -1;
  let channel = 0;
  let quad = 0;
  for (const run of map) {
    const from = Math.max(start, channel);
    const to = Math.min(end, channel + run);
    if (from < to) {
      if ((from - channel) % 4 !== 0) return undefined;
      if (firstQuad < 0) firstQuad = quad + (from - channel) / 4;
      runs.push(to - from);
    }
    channel += run;
    quad += Math.ceil(run / 4);
  }
  return { firstQuad, map: normalizeMap(runs) };
}
