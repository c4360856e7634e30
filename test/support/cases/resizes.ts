/** Source sizes for a network's input of 128 × 128, with what is special about each. */
export const RESIZES: readonly (readonly [what: string, width: number, height: number])[] = [
  ["down", 151, 97],
  ["up", 31, 17],
  ["exactly half", 256, 128],
  ["exactly half, odd rows", 256, 126],
  ["as it is", 128, 96],
  ["as it is, with grey", 128, 90],
  ["one pixel", 1, 1],
  ["one row", 300, 1],
  ["one column", 1, 77],
  ["two by three", 2, 3],
  ["an odd number of bytes", 33, 21],
  ["four times", 512, 512],
  ["twice as large", 64, 64],
  ["a little smaller", 129, 127],
  ["a little larger", 127, 128],
  ["much wider", 1111, 33],
];
