// Gradient of a convolution's weights, groups = 1: a matrix product over pixels. One invocation computes one tap of the kernel
// for four outputs × four stored inputs over a part of the rows; `sum_parts.wgsl` adds the parts. All sums have a fixed order.
// Written as [part][O][C][kh][kw]. `channels` has the input channel of each stored one, or NONE.

const NONE = 0xffffffffu;

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
  inQuads: u32, inChannels: u32, outQuads: u32, outChannels: u32, partRows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> dy: array<Quad>;
@group(0) @binding(2) var<storage, read> channels: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let item = (group.x + group.z * grid.x) * 64u + lane;
  let taps = params.kernelHeight * params.kernelWidth;
  if (item >= taps * params.inQuads * params.outQuads) { return; }
  let part = group.y;
  let tap = item % taps;
  let inQuad = (item / taps) % params.inQuads;
  let outQuad = item / (taps * params.inQuads);
  let shiftY = i32((tap / params.kernelWidth) * params.dilationY) - i32(params.paddingY);
  let shiftX = i32((tap % params.kernelWidth) * params.dilationX) - i32(params.paddingX);
  let rows = params.outPixels / params.outWidth;

  // Column k: what the input's channel k of the quad gives to four outputs.
  var sums = mat4x4f();
  for (var row = part * params.partRows; row < min((part + 1u) * params.partRows, rows); row++) {
    let iy = i32((row % params.outHeight) * params.strideY) + shiftY;
    if (iy < 0 || iy >= i32(params.inHeight)) { continue; }
    let source = inQuad * params.inPlane + ((row / params.outHeight) * params.inHeight + u32(iy)) * params.inWidth;
    let given = outQuad * params.outPlane + row * params.outWidth;
    // A row on its own first: long sums would lose digits.
    var own = mat4x4f();
    for (var ox = 0u; ox < params.outWidth; ox++) {
      let ix = i32(ox * params.strideX) + shiftX;
      if (ix < 0 || ix >= i32(params.inWidth)) { continue; }
      let value = vec4f(x[source + u32(ix)]);
      let gradient = vec4f(dy[given + ox]);
      own += mat4x4f(value.x * gradient, value.y * gradient, value.z * gradient, value.w * gradient);
    }
    sums += own;
  }
  for (var k = 0u; k < 4u; k++) {
    let channel = channels[inQuad][k];
    if (channel == NONE) { continue; }
    for (var o = 0u; o < 4u; o++) {
      let output = outQuad * 4u + o;
      if (output >= params.outChannels) { continue; }
      y[((part * params.outChannels + output) * params.inChannels + channel) * taps + tap] = sums[k][o];
    }
  }
}
