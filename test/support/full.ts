/**
 * `YOLOV5_FULL=1` runs every case of every test, which takes an hour or more on two cores. Without it, tests that
 * repeat one proof on many networks, backends or moments take some of them, so that the suite stays short.
 */

export const FULL = process.env.YOLOV5_FULL === "1";

/** All of them, or what stands for them in the short suite. */
export function allOr<T>(all: readonly T[], some: readonly T[]): readonly T[] {
  return FULL ? all : some;
}

/** All of them, or every `step`-th. */
export function allOrEvery<T>(all: readonly T[], step: number): readonly T[] {
  return all.filter((_, i) => FULL || i % step === 0);
}
