// Gradient of a convolution's weights with any groups. One invocation computes one tap of the kernel and one input channel of the
// group, for four outputs, over a part of the rows; `sum_parts.wgsl` adds the parts. All sums have a fixed order.
// Channels are stored in order. Written as [part][O][C ÷ groups][kh][kw].

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
  inPerGroup: u32, outPerGroup: u32, outQuads: u32, outChannels: u32, partRows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> dy: array<Quad>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let item = (group.x + group.z * grid.x) * 64u + lane;
  let taps = params.kernelHeight * params.kernelWidth;
  if (item >= taps * params.inPerGroup * params.outQuads) { return; }
  let part = group.y;
  let tap = item % taps;
  let channel = (item / taps) % params.inPerGroup;
  let outQuad = item / (taps * params.inPerGroup);
  let shiftY = i32((tap / params.kernelWidth) * params.dilationY) - i32(params.paddingY);
  let shiftX = i32((tap % params.kernelWidth) * params.dilationX) - i32(params.paddingX);
  let rows = params.outPixels / params.outWidth;
  // The four outputs may belong to different groups.
  let outputs = outQuad * 4u + vec4u(0u, 1u, 2u, 3u);
  let sources = min(outputs, vec4u(params.outChannels - 1u)) / params.outPerGroup * params.inPerGroup + channel;
  let planes = sources / 4u * params.inPlane;
  let lanes = sources % 4u;

  var sum = vec4f(0.0);
  for (var row = part * params.partRows; row < min((part + 1u) * params.partRows, rows); row++) {
    let iy = i32((row % params.outHeight) * params.strideY) + shiftY;
    if (iy < 0 || iy >= i32(params.inHeight)) { continue; }
    let start = ((row / params.outHeight) * params.inHeight + u32(iy)) * params.inWidth;
    let given = outQuad * params.outPlane + row * params.outWidth;
    // A row on its own first: long sums would lose digits.
    var own = vec4f(0.0);
    for (var ox = 0u; ox < params.outWidth; ox++) {
      let ix = i32(ox * params.strideX) + shiftX;
      if (ix < 0 || ix >= i32(params.inWidth)) { continue; }
      let at = start + u32(ix);
      let values = vec4f(
        f32(x[planes.x + at][lanes.x]),
        f32(x[planes.y + at][lanes.y]),
        f32(x[planes.z + at][lanes.z]),
        f32(x[planes.w + at][lanes.w]),
      );
      own += values * vec4f(dy[given + ox]);
    }
    sum += own;
  }
  for (var o = 0u; o < 4u; o++) {
    if (outputs[o] >= params.outChannels) { continue; }
    y[((part * params.outChannels + outputs[o]) * params.inPerGroup + channel) * taps + tap] = sum[o];
  }
}
