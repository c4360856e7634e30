// conv2d with a 3×3 window and stride 1 as Winograd F(2×2, 3×3) (Lavin and Gray 2015): 16 products for the four pixels of an output
// square in place of 36. A workgroup computes 16 squares × 4 output quads. An invocation has one of the 16 places of one square: it
// transforms its element of V = Bᵀ d B from four inputs, multiplies by the transformed filters of four output quads and adds up
// over the input quads; at the end the 16 sums of a square meet in workgroup memory and go back to four pixels (Aᵀ m A).
// Weights: [output quad][input quad][16 places][input channel of the quad], a vec4f over the four output channels; U = G g Gᵀ.

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32, inQuads: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outQuads: u32,
  paddingY: u32, paddingX: u32, squaresY: u32, squaresX: u32, squares: u32,
  residual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> weight: array<Quad>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<Quad>;
@group(0) @binding(4) var<storage, read_write> y: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

const SQUARES = 16u;

// [place][square]
var<workgroup> sums: array<vec4f, 16u * SQUARES>;

fn load(row: i32, column: i32, start: u32) -> vec4f {
  let inside = row >= 0 && row < i32(params.inHeight) && column >= 0 && column < i32(params.inWidth);
  let at = select(0u, u32(row * i32(params.inWidth) + column), inside);
  return select(vec4f(0.0), vec4f(x[start + at]), inside);
}

// Row (column) `i` of Bᵀ is a sum or difference of two: 0 − 2, 1 + 2, 2 − 1, 1 − 3.
fn firstOf(i: u32) -> i32 { return select(i32(i), 1, i == 3u); }
fn secondOf(i: u32) -> i32 { return select(select(2, 1, i == 2u), 3, i == 3u); }
fn signOf(i: u32) -> f32 { return select(-1.0, 1.0, i == 1u); }

// Element (row, column) of Aᵀ = [1 1 1 0; 0 1 −1 −1].
fn back(row: u32, column: u32) -> f32 {
  let upper = select(1.0, 0.0, column == 3u);
  let lower = select(select(1.0, 0.0, column == 0u), -1.0, column >= 2u);
  return select(upper, lower, row == 1u);
}

fn filters(at: u32) -> mat4x4f {
  return mat4x4f(vec4f(weight[at]), vec4f(weight[at + 1u]), vec4f(weight[at + 2u]), vec4f(weight[at + 3u]));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let column = lane % SQUARES;
  let place = lane / SQUARES;
  let square = (group.x + group.z * grid.x) * SQUARES + column;
  // Squares beyond the last one compute it again and do not store.
  let known = min(square, params.squares - 1u);
  let perPicture = params.squaresY * params.squaresX;
  let picture = known / perPicture;
  let top = ((known % perPicture) / params.squaresX) * 2u;
  let left = (known % params.squaresX) * 2u;
  let firstQuad = group.y * 4u;

  let r = place / 4u;
  let c = place % 4u;
  let y0 = i32(top) - i32(params.paddingY) + firstOf(r);
  let y1 = i32(top) - i32(params.paddingY) + secondOf(r);
  let x0 = i32(left) - i32(params.paddingX) + firstOf(c);
  let x1 = i32(left) - i32(params.paddingX) + secondOf(c);
  let signY = signOf(r);
  let signX = signOf(c);

  var m0 = vec4f(0.0); var m1 = vec4f(0.0); var m2 = vec4f(0.0); var m3 = vec4f(0.0);
  let pictureStart = picture * params.inHeight * params.inWidth;
  // Weights from one output quad to the next.
  let stride = params.inQuads * 64u;
  for (var quad = 0u; quad < params.inQuads; quad++) {
    let start = quad * params.inPlane + pictureStart;
    let v = load(y0, x0, start) + signX * load(y0, x1, start) + signY * (load(y1, x0, start) + signX * load(y1, x1, start));
    let at = firstQuad * stride + quad * 64u + place * 4u;
    m0 += filters(at) * v;
    m1 += filters(at + stride) * v;
    m2 += filters(at + 2u * stride) * v;
    m3 += filters(at + 3u * stride) * v;
  }

  // A loop of no constant length: four copies of the epilogue take emulated adapters many seconds to compile.
  let present = min(4u, params.outQuads - firstQuad);
  for (var q = 0u; q < present; q++) {
    var mine = m0;
    mine = select(mine, m1, q == 1u); mine = select(mine, m2, q == 2u); mine = select(mine, m3, q == 3u);
    // The sums of the quad before have been read.
    workgroupBarrier();
    sums[lane] = mine;
    workgroupBarrier();
    // The first 64 invocations: a pixel of a square each.
    let dy = (place / 2u) % 2u;
    let dx = place % 2u;
    let outQuad = firstQuad + q;
    let row = top + dy;
    let outColumn = left + dx;
    let wanted = place < 4u && square < params.squares;
    if (wanted && row < params.outHeight && outColumn < params.outWidth) {
      var total = bias[outQuad];
      for (var i = 0u; i < 16u; i++) { total += back(dy, i / 4u) * back(dx, i % 4u) * sums[i * SQUARES + column]; }
      let at = outQuad * params.outPlane + (picture * params.outHeight + row) * params.outWidth + outColumn;
      var value = activate(total);
      if (params.residual == 1u) { value += vec4f(residual[at]); }
      if (params.residual == 2u) { value += vec4f(y[at]); }
      y[at] = stored(value);
    }
  }
}
