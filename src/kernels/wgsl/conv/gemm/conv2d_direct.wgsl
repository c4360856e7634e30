// conv2d as an implicit GEMM without workgroup memory, barriers or subgroups: an invocation computes 4 pixels × 16 output
// channels in registers. The weights' addresses are the same for all invocations of a workgroup. For adapters that are
// emulated on a CPU and have no subgroups of eight. Shapes come from a uniform, so one pipeline serves every layer.
// Weights: [tile of 16 output channels][ky][kx][input quad][input channel of the quad][output quad of the tile] vec4f over
// the four output channels of a quad.

override WORKGROUP_SIZE: u32 = 8u;

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32, inQuads: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32, outQuads: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
  residual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> weight: array<Weights>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<Quad>;
@group(0) @binding(4) var<storage, read_write> y: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y;
  let pixel = (group.x + group.z * grid.x) * (4u * WORKGROUP_SIZE) + lane;
  // Pixels beyond the last one compute it again and do not store.
  let last = params.outPixels - 1u;
  let window0 = windowOf(min(pixel, last));
  let window1 = windowOf(min(pixel + WORKGROUP_SIZE, last));
  let window2 = windowOf(min(pixel + 2u * WORKGROUP_SIZE, last));
  let window3 = windowOf(min(pixel + 3u * WORKGROUP_SIZE, last));

  // s<pixel><quad>
  let b0 = bias[tile * 4u];
  let b1 = bias[tile * 4u + 1u];
  let b2 = bias[tile * 4u + 2u];
  let b3 = bias[tile * 4u + 3u];
  var s00 = b0; var s01 = b1; var s02 = b2; var s03 = b3;
  var s10 = b0; var s11 = b1; var s12 = b2; var s13 = b3;
  var s20 = b0; var s21 = b1; var s22 = b2; var s23 = b3;
  var s30 = b0; var s31 = b1; var s32 = b2; var s33 = b3;

  // One loop over all of K: an input quad at an element of the window a step.
  let steps = params.kernelHeight * params.kernelWidth * params.inQuads;
  var weights = tile * steps * 16u;
  var ky = 0u;
  var kx = 0u;
  var quad = 0u;
  for (var step = 0u; step < steps; step++) {
    let dy = ky * params.dilationY;
    let dx = kx * params.dilationX;
    let plane = quad * params.inPlane;
    let v0 = load(window0, dy, dx, plane);
    let v1 = load(window1, dy, dx, plane);
    let v2 = load(window2, dy, dx, plane);
    let v3 = load(window3, dy, dx, plane);
    let w0 = mat4x4f(
      weightsOf(weight[weights + 0u]), weightsOf(weight[weights + 4u]), weightsOf(weight[weights + 8u]), weightsOf(weight[weights + 12u]),
    );
    let w1 = mat4x4f(
      weightsOf(weight[weights + 1u]), weightsOf(weight[weights + 5u]), weightsOf(weight[weights + 9u]), weightsOf(weight[weights + 13u]),
    );
    let w2 = mat4x4f(
      weightsOf(weight[weights + 2u]), weightsOf(weight[weights + 6u]), weightsOf(weight[weights + 10u]), weightsOf(weight[weights + 14u]),
    );
    let w3 = mat4x4f(
      weightsOf(weight[weights + 3u]), weightsOf(weight[weights + 7u]), weightsOf(weight[weights + 11u]), weightsOf(weight[weights + 15u]),
    );
    s00 += w0 * v0; s01 += w1 * v0; s02 += w2 * v0; s03 += w3 * v0;
    s10 += w0 * v1; s11 += w1 * v1; s12 += w2 * v1; s13 += w3 * v1;
    s20 += w0 * v2; s21 += w1 * v2; s22 += w2 * v2; s23 += w3 * v2;
    s30 += w0 * v3; s31 += w1 * v3; s32 += w2 * v3; s33 += w3 * v3;
    weights += 16u;
    quad += 1u;
    let nextElement = quad == params.inQuads;
    quad = select(quad, 0u, nextElement);
    kx += select(0u, 1u, nextElement);
    let nextRow = kx == params.kernelWidth;
    kx = select(kx, 0u, nextRow);
    ky += select(0u, 1u, nextRow);
  }

  // One sum at a time, picked by comparison, in a loop of no constant length: sixteen copies of the epilogue, by hand or by
  // unrolling, or an array that is indexed, take a software adapter seconds to compile.
  let present = min(4u, params.outQuads - tile * 4u);
  for (var i = 0u; i < present * 4u; i++) {
    var sum = s00;
    sum = select(sum, s10, i == 1u); sum = select(sum, s20, i == 2u); sum = select(sum, s30, i == 3u);
    sum = select(sum, s01, i == 4u); sum = select(sum, s11, i == 5u); sum = select(sum, s21, i == 6u); sum = select(sum, s31, i == 7u);
    sum = select(sum, s02, i == 8u); sum = select(sum, s12, i == 9u); sum = select(sum, s22, i == 10u); sum = select(sum, s32, i == 11u);
    sum = select(sum, s03, i == 12u); sum = select(sum, s13, i == 13u); sum = select(sum, s23, i == 14u); sum = select(sum, s33, i == 15u);
    let outPixel = pixel + (i & 3u) * WORKGROUP_SIZE;
    if (outPixel < params.outPixels) {
      let at = (tile * 4u + (i >> 2u)) * params.outPlane + outPixel;
      var value = activate(worth(sum, tile * 4u + (i >> 2u)));
      if (params.residual == 1u) { value += vec4f(residual[at]); }
      if (params.residual == 2u) { value += vec4f(y[at]); }
      y[at] = stored(value);
    }
  }
}
