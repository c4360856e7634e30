/**
 * Run lengths as pycocotools stores them in text: each count (from the third on, its difference to the count two before)
 * in groups of five bits, low ones first, a sixth bit saying that more follow, plus 48 as a character.
 * Source: pycocotools' definition of compressed RLE.
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
