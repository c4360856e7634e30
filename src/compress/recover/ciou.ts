/** Complete IoU of two boxes (Zheng et al. 2020, "Distance-IoU Loss"), and its gradient. */

/** Centre x, centre y, width, height. */
export type CentredBox = readonly [x: number, y: number, width: number, height: number];

const EPSILON = 1e-7;

/**
 * IoU − ρ²/c² − α·v: overlap, distance of the centres relative to the enclosing box's diagonal, and difference of the aspect ratios.
 * @returns the value, and its gradient with respect to the first box; α counts as a constant, as in the paper.
 */
export function completeIoU(
  own: CentredBox,
  wanted: CentredBox,
): { readonly value: number; readonly gradient: readonly number[] } {
  const [across, down] = [
    alongAxis(own[0], own[2], wanted[0], wanted[2]),
    alongAxis(own[1], own[3], wanted[1], wanted[3]),
  ];
  const overlap = across.overlap * down.overlap;
  const union = own[2] * own[3] + wanted[2] * wanted[3] - overlap + EPSILON;
  const iou = overlap / union;
  const diagonal = across.span ** 2 + down.span ** 2 + EPSILON;
  const distance = (own[0] - wanted[0]) ** 2 + (own[1] - wanted[1]) ** 2;
  const turn = Math.atan(wanted[2] / wanted[3]) - Math.atan(own[2] / own[3]);
  const v = (4 / Math.PI ** 2) * turn ** 2;
  const alpha = v / (v - iou + 1 + EPSILON);
  const squares = own[2] ** 2 + own[3] ** 2;
  const byAngle = (8 / Math.PI ** 2) * turn * alpha;
  const gradient = [0, 1, 2, 3].map((k) => {
    const [axis, other] = k % 2 === 0 ? [across, down] : [down, across];
    const isSize = k >= 2;
    const byOverlap = (isSize ? axis.overlapBySize : axis.overlapByCentre) * other.overlap;
    const byArea = isSize ? own[k === 2 ? 3 : 2] : 0;
    const bySpan = 2 * axis.span * (isSize ? axis.spanBySize : axis.spanByCentre);
    const byDistance = isSize ? 0 : 2 * (own[k] - wanted[k]);
    const aspect = k === 2 ? (byAngle * own[3]) / squares : k === 3 ? (-byAngle * own[2]) / squares : 0;
    return (
      (byOverlap * union - overlap * (byArea - byOverlap)) / union ** 2 -
      (byDistance * diagonal - distance * bySpan) / diagonal ** 2 +
      aspect
    );
  });
  return { value: iou - distance / diagonal - alpha * v, gradient };
}

/** Two intervals: how much they share, what encloses them, and how both change with the first one's centre and size. */
function alongAxis(centre: number, size: number, otherCentre: number, otherSize: number) {
  const [low, high] = [centre - size / 2, centre + size / 2];
  const [otherLow, otherHigh] = [otherCentre - otherSize / 2, otherCentre + otherSize / 2];
  const shared = Math.min(high, otherHigh) - Math.max(low, otherLow);
  const [highInside, lowInside] = [high < otherHigh ? 1 : 0, low > otherLow ? 1 : 0];
  return {
    overlap: Math.max(0, shared),
    overlapByCentre: shared > 0 ? highInside - lowInside : 0,
    overlapBySize: shared > 0 ? (highInside + lowInside) / 2 : 0,
    span: Math.max(high, otherHigh) - Math.min(low, otherLow),
    spanByCentre: lowInside - highInside,
    spanBySize: (2 - lowInside - highInside) / 2,
  };
}
