// conv2d as an implicit GEMM over subgroups: an invocation computes 4 pixels × 16 output channels in registers. The
// 16 × 4 weights of one step are read once per subgroup, a vec4f by each of its first eight invocations, and handed out
// by subgroupBroadcast; no workgroup memory, no barrier. Made for adapters that are emulated on a CPU: there a load costs
// many times a multiplication unless its neighbours in the vector share it, and loops may carry only what is cheap to
// carry. Shapes come from a uniform, so one pipeline serves every layer.
// Weights: [tile of 16 output channels][ky][kx][input quad][input channel of the quad][output quad of the tile] vec4f over
// the four output channels of a quad.

enable subgroups;

// Multiple of eight: the lanes that hold the weights must be there.
override WORKGROUP_SIZE: u32 = 8u;

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32, inQuads: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32, outQuads: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
  hasResidual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

// Top left corner of an output pixel's window: (row, column) in the input and the picture's first pixel.
struct Window { row: i32, column: i32, picture: u32 }

fn windowOf(pixel: u32) -> Window {
  let perPicture = params.outHeight * params.outWidth;
  let picture = pixel / perPicture;
  let rest = pixel - picture * perPicture;
  let oy = rest / params.outWidth;
  let ox = rest - oy * params.outWidth;
  return Window(
    i32(oy * params.strideY) - i32(params.paddingY),
    i32(ox * params.strideX) - i32(params.paddingX),
    picture * params.inHeight * params.inWidth,
  );
}

// Whether the window's element (dy, dx) lies within the picture, and its pixel (any valid one where it does not).
struct Tap { inside: bool, pixel: u32 }

fn tapOf(window: Window, dy: u32, dx: u32) -> Tap {
  let iy = window.row + i32(dy);
  let ix = window.column + i32(dx);
  let inside = iy >= 0 && iy < i32(params.inHeight) && ix >= 0 && ix < i32(params.inWidth);
  return Tap(inside, select(0u, window.picture + u32(iy) * params.inWidth + u32(ix), inside));
}

fn store(quad: u32, pixel: u32, sum: vec4f) {
  if (quad >= params.outQuads || pixel >= params.outPixels) { return; }
  let at = quad * params.outPlane + pixel;
  var value = activate(sum);
  if (params.hasResidual != 0u) { value += residual[at]; }
  y[at] = value;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroupLane: u32,
) {
  let tile = group.y;
  let pixel0 = (group.x + group.z * grid.x) * (4u * WORKGROUP_SIZE) + lane;
  let pixel1 = pixel0 + WORKGROUP_SIZE;
  let pixel2 = pixel1 + WORKGROUP_SIZE;
  let pixel3 = pixel2 + WORKGROUP_SIZE;
  // Pixels beyond the last one compute it again and do not store.
  let last = params.outPixels - 1u;
  let window0 = windowOf(min(pixel0, last));
  let window1 = windowOf(min(pixel1, last));
  let window2 = windowOf(min(pixel2, last));
  let window3 = windowOf(min(pixel3, last));

  // s<pixel><quad>
  var s00 = bias[tile * 4u + 0u]; var s01 = bias[tile * 4u + 1u]; var s02 = bias[tile * 4u + 2u]; var s03 = bias[tile * 4u + 3u];
  var s10 = bias[tile * 4u + 0u]; var s11 = bias[tile * 4u + 1u]; var s12 = bias[tile * 4u + 2u]; var s13 = bias[tile * 4u + 3u];
  var s20 = bias[tile * 4u + 0u]; var s21 = bias[tile * 4u + 1u]; var s22 = bias[tile * 4u + 2u]; var s23 = bias[tile * 4u + 3u];
  var s30 = bias[tile * 4u + 0u]; var s31 = bias[tile * 4u + 1u]; var s32 = bias[tile * 4u + 2u]; var s33 = bias[tile * 4u + 3u];

  var weights = tile * params.kernelHeight * params.kernelWidth * params.inQuads * 16u + (subgroupLane & 7u);
  for (var ky = 0u; ky < params.kernelHeight; ky++) {
    for (var kx = 0u; kx < params.kernelWidth; kx++) {
      let dy = ky * params.dilationY;
      let dx = kx * params.dilationX;
      let tap0 = tapOf(window0, dy, dx);
      let tap1 = tapOf(window1, dy, dx);
      let tap2 = tapOf(window2, dy, dx);
      let tap3 = tapOf(window3, dy, dx);
      var plane = 0u;
      for (var quad = 0u; quad < params.inQuads; quad++) {
        // Lanes 0…3 hold the weights of the first (third) input channel, lanes 4…7 those of the second (fourth).
        let wa = weight[weights];
        let wb = weight[weights + 8u];
        weights += 16u;
        let v0 = select(vec4f(0.0), x[plane + tap0.pixel], tap0.inside);
        let v1 = select(vec4f(0.0), x[plane + tap1.pixel], tap1.inside);
        let v2 = select(vec4f(0.0), x[plane + tap2.pixel], tap2.inside);
        let v3 = select(vec4f(0.0), x[plane + tap3.pixel], tap3.inside);
        plane += params.inPlane;
        // Input channel 0 of the quad.
        let w00 = subgroupBroadcast(wa, 0u);
        let w01 = subgroupBroadcast(wa, 1u);
        let w02 = subgroupBroadcast(wa, 2u);
        let w03 = subgroupBroadcast(wa, 3u);
        s00 += w00 * v0.x; s01 += w01 * v0.x; s02 += w02 * v0.x; s03 += w03 * v0.x;
        s10 += w00 * v1.x; s11 += w01 * v1.x; s12 += w02 * v1.x; s13 += w03 * v1.x;
        s20 += w00 * v2.x; s21 += w01 * v2.x; s22 += w02 * v2.x; s23 += w03 * v2.x;
        s30 += w00 * v3.x; s31 += w01 * v3.x; s32 += w02 * v3.x; s33 += w03 * v3.x;
        // Input channel 1 of the quad.
        let w10 = subgroupBroadcast(wa, 4u);
        let w11 = subgroupBroadcast(wa, 5u);
        let w12 = subgroupBroadcast(wa, 6u);
        let w13 = subgroupBroadcast(wa, 7u);
        s00 += w10 * v0.y; s01 += w11 * v0.y; s02 += w12 * v0.y; s03 += w13 * v0.y;
        s10 += w10 * v1.y; s11 += w11 * v1.y; s12 += w12 * v1.y; s13 += w13 * v1.y;
        s20 += w10 * v2.y; s21 += w11 * v2.y; s22 += w12 * v2.y; s23 += w13 * v2.y;
        s30 += w10 * v3.y; s31 += w11 * v3.y; s32 += w12 * v3.y; s33 += w13 * v3.y;
        // Input channel 2 of the quad.
        let w20 = subgroupBroadcast(wb, 0u);
        let w21 = subgroupBroadcast(wb, 1u);
        let w22 = subgroupBroadcast(wb, 2u);
        let w23 = subgroupBroadcast(wb, 3u);
        s00 += w20 * v0.z; s01 += w21 * v0.z; s02 += w22 * v0.z; s03 += w23 * v0.z;
        s10 += w20 * v1.z; s11 += w21 * v1.z; s12 += w22 * v1.z; s13 += w23 * v1.z;
        s20 += w20 * v2.z; s21 += w21 * v2.z; s22 += w22 * v2.z; s23 += w23 * v2.z;
        s30 += w20 * v3.z; s31 += w21 * v3.z; s32 += w22 * v3.z; s33 += w23 * v3.z;
        // Input channel 3 of the quad.
        let w30 = subgroupBroadcast(wb, 4u);
        let w31 = subgroupBroadcast(wb, 5u);
        let w32 = subgroupBroadcast(wb, 6u);
        let w33 = subgroupBroadcast(wb, 7u);
        s00 += w30 * v0.w; s01 += w31 * v0.w; s02 += w32 * v0.w; s03 += w33 * v0.w;
        s10 += w30 * v1.w; s11 += w31 * v1.w; s12 += w32 * v1.w; s13 += w33 * v1.w;
        s20 += w30 * v2.w; s21 += w31 * v2.w; s22 += w32 * v2.w; s23 += w33 * v2.w;
        s30 += w30 * v3.w; s31 += w31 * v3.w; s32 += w32 * v3.w; s33 += w33 * v3.w;
      }
    }
  }

  store(tile * 4u + 0u, pixel0, s00); store(tile * 4u + 1u, pixel0, s01); store(tile * 4u + 2u, pixel0, s02); store(tile * 4u + 3u, pixel0, s03);
  store(tile * 4u + 0u, pixel1, s10); store(tile * 4u + 1u, pixel1, s11); store(tile * 4u + 2u, pixel1, s12); store(tile * 4u + 3u, pixel1, s13);
  store(tile * 4u + 0u, pixel2, s20); store(tile * 4u + 1u, pixel2, s21); store(tile * 4u + 2u, pixel2, s22); store(tile * 4u + 3u, pixel2, s23);
  store(tile * 4u + 0u, pixel3, s30); store(tile * 4u + 1u, pixel3, s31); store(tile * 4u + 2u, pixel3, s32); store(tile * 4u + 3u, pixel3, s33);
}
