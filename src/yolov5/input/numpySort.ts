/**
 * `numpy.argsort` with its default kind: an introsort (median of three, insertion sort below 17 elements), which is
 * not stable. val.py divides a list sorted by it into batches, so which picture gets which input shape depends on how
 * ties are ordered. Source: behaviour of NumPy 1.24 (newer ones sort ties differently on AVX-512).
 */

const SMALL = 15;

/** Indices that sort `values` ascending, with ties ordered as in NumPy. NaN is not expected. */
export function numpyArgsort(values: ArrayLike<number>): Uint32Array {
  const order = Uint32Array.from(values, (_, i) => i);
  const at = (k: number): number => values[order[k]];
  const swap = (a: number, b: number): void => {
    const held = order[a];
    order[a] = order[b];
    order[b] = held;
  };
  /** Partitions around the median of three and returns the pivot's position. */
  const partition = (left: number, right: number): number => {
    const middle = left + ((right - left) >> 1);
    if (at(middle) < at(left)) swap(middle, left);
    if (at(right) < at(middle)) swap(right, middle);
    if (at(middle) < at(left)) swap(middle, left);
    const pivot = at(middle);
    let i = left;
    let j = right - 1;
    swap(middle, j);
    for (;;) {
      do i++;
      while (at(i) < pivot);
      do j--;
      while (pivot < at(j));
      if (i >= j) break;
      swap(i, j);
    }
    swap(i, right - 1);
    return i;
  };
  const insertionSort = (left: number, right: number): void => {
    for (let i = left + 1; i <= right; i++) {
      const held = order[i];
      let j = i;
      for (; j > left && values[held] < at(j - 1); j--) order[j] = order[j - 1];
      order[j] = held;
    }
  };
  // Equal values go to both sides, so only an adversarial list goes deeper than this.
  const deepest = 2 * (32 - Math.clz32(Math.max(order.length, 1)));
  const stack: [left: number, right: number, depth: number][] = [[0, order.length - 1, deepest]];
  for (let range = stack.pop(); range; range = stack.pop()) {
    let [left, right, depth] = range;
    while (right - left > SMALL && depth > 0) {
      const pivot = partition(left, right);
      depth--;
      if (pivot - left < right - pivot) {
        stack.push([pivot + 1, right, depth]);
        right = pivot - 1;
      } else {
        stack.push([left, pivot - 1, depth]);
        left = pivot + 1;
      }
    }
    if (right - left > SMALL) order.subarray(left, right + 1).sort((a, b) => values[a] - values[b] || a - b);
    else insertionSort(left, right);
  }
  return order;
}
