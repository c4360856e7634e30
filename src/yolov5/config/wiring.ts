/** The wiring of v6.0 to v7.0, which v5u shares: stages, the path down to stride 8 and the one up again. */

/** From, repeats, module, arguments. */
export type Line = readonly [number | readonly number[], number, string, readonly unknown[]];

export interface Stage {
  readonly channels: number;
  readonly repeats: number;
}

/** Stages at strides 4, 8, 16, 32 and, for P6, 64. */
export const P5: readonly Stage[] = [
  { channels: 128, repeats: 3 },
  { channels: 256, repeats: 6 },
  { channels: 512, repeats: 9 },
  { channels: 1024, repeats: 3 },
];
export const P6: readonly Stage[] = [...P5.slice(0, 3), { channels: 768, repeats: 3 }, { channels: 1024, repeats: 3 }];

/** Stem and stages: stage k ends in layer 2k + 2. */
export function backbone(stages: readonly Stage[]): Line[] {
  return [
    [-1, 1, "Conv", [64, 6, 2, 2]],
    ...stages.flatMap(({ channels, repeats }): Line[] => [
      [-1, 1, "Conv", [channels, 3, 2]],
      [-1, repeats, "C3", [channels]],
    ]),
  ];
}

/** Backbone, SPPF, a path down to stride 8 and one up again (Liu et al. 2018); and the layers that the head reads. */
export function pathAggregation(stages: readonly Stage[]): { lines: Line[]; outputs: number[] } {
  const top = stages.length - 1;
  const lines: Line[] = [...backbone(stages), [-1, 1, "SPPF", [stages[top].channels, 5]]];
  const outputs: number[] = [];
  const laterals: number[] = [];
  for (let level = top - 1; level >= 1; level--) {
    const { channels } = stages[level];
    laterals[level] = lines.length;
    lines.push([-1, 1, "Conv", [channels, 1, 1]]);
    lines.push([-1, 1, "Upsample", [null, 2, "nearest"]], [[-1, 2 * level + 2], 1, "Concat", [1]]);
    lines.push([-1, 3, "C3", [channels, false]]);
  }
  outputs.push(lines.length - 1);
  for (let level = 2; level <= top; level++) {
    lines.push([-1, 1, "Conv", [stages[level - 1].channels, 3, 2]], [[-1, laterals[level - 1]], 1, "Concat", [1]]);
    lines.push([-1, 3, "C3", [stages[level].channels, false]]);
    outputs.push(lines.length - 1);
  }
  return { lines, outputs };
}
