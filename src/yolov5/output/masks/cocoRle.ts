/**
 * Run lengths in pycocotools' text format: each count (from the third on, its difference from the count two before)
 * is split into groups of five bits, lowest first, with a sixth bit set if more follow; each group plus 48 is a
 * character. Source: pycocotools' definition of compressed RLE.
 */

const MORE = 0x20;
const SIGN = 0x10;

export function compressCounts(counts: readonly number[]): string {
  let text = "";
  for (const [i, count] of counts.entries()) {
    let value = i > 2 ? count - counts[i - 2] : count;
    for (let more = true; more; ) {
      let group = value & 0x1f;
      value >>= 5;
      more = (group & SIGN) !== 0 ? value !== -1 : value !== 0;
      if (more) group |= MORE;
      text += String.fromCharCode(group + 48);
    }
  }
  return text;
}

export function expandCounts(text: string): number[] {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    for (let more = true; more; at++) {
      const group = text.charCodeAt(at) - 48;
      value |= (group & 0x1f) << shift;
      shift += 5;
      more = (group & MORE) !== 0;
      if (!more && (group & SIGN) !== 0) value |= -1 << shift;
    }
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value);
  }
  return counts;
}
