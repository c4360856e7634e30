// YOLOv5's decoding of one number of a head map: xy = (2σ − 0.5 + cell) · stride, wh = (2σ)² · anchor, σ for objectness and
// classes, mask coefficients as they are. Kernels that share it give the same bits.

// `k`: which number of a row; from `rawFrom` on they are mask coefficients. `cell`: column and row. `anchor`: width and
// height in input pixels.
fn decode(raw: f32, doubledSigmoid: f32, k: u32, rawFrom: u32, cell: vec2u, stride: f32, anchor: vec2f) -> f32 {
  if (k < 2u) { return (doubledSigmoid + (f32(cell[k]) - 0.5)) * stride; }
  if (k < 4u) { return doubledSigmoid * doubledSigmoid * anchor[k - 2u]; }
  return select(0.5 * doubledSigmoid, raw, k >= rawFrom);
}
