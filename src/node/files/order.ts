/** Sort orders for file names. Neither depends on the system's locale. */

/** By code points, as Python sorts. */
export const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Numbers in names by value, so that `frame2` comes before `frame10`; everything else by code points. */
export function byNumbers(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.match(/\d+|\D+/g) ?? []);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = comparePart(left[i], right[i]);
    if (order !== 0) return order;
  }
  return left.length - right.length || byName(a, b);
}

function comparePart(a: string, b: string): number {
  if (!/^\d/.test(a) || !/^\d/.test(b)) return byName(a, b);
  // There may be more digits than a number can represent.
  const [x, y] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return x.length - y.length || byName(x, y);
}
