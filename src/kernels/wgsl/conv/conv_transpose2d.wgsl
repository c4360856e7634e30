// convTranspose2d as a gather: one invocation per output pixel and four output channels looks for the input pixels whose
// windows cover it. Any groups, stride, padding, dilation.
// Weights: vec4f over the four output channels at [output quad][ky][kx][input channel of the conv group].

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
  inChannels: u32, inPerGroup: u32, outPerGroup: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> weight: array<Quad>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Quad>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let quad = group.y;
  let perPicture = params.outHeight * params.outWidth;
  let picture = pixel / perPicture;
  let oy = (pixel % perPicture) / params.outWidth;
  let ox = pixel % params.outWidth;
  // The four output channels may belong to different conv groups.
  let groups = (quad * 4u + vec4u(0u, 1u, 2u, 3u)) / params.outPerGroup;
  let first = groups * params.inPerGroup;

  var sum = bias[quad];
  for (var ky = 0u; ky < params.kernelHeight; ky++) {
    let sy = i32(oy + params.paddingY) - i32(ky * params.dilationY);
    if (sy < 0 || sy % i32(params.strideY) != 0) { continue; }
    let iy = u32(sy) / params.strideY;
    if (iy >= params.inHeight) { continue; }
    for (var kx = 0u; kx < params.kernelWidth; kx++) {
      let sx = i32(ox + params.paddingX) - i32(kx * params.dilationX);
      if (sx < 0 || sx % i32(params.strideX) != 0) { continue; }
      let ix = u32(sx) / params.strideX;
      if (ix >= params.inWidth) { continue; }
      let at = (picture * params.inHeight + iy) * params.inWidth + ix;
      let weights = ((quad * params.kernelHeight + ky) * params.kernelWidth + kx) * params.inPerGroup;
      for (var k = 0u; k < params.inPerGroup; k++) {
        let channels = min(first + k, vec4u(params.inChannels - 1u));
        let values = vec4f(
          f32(x[(channels.x / 4u) * params.inPlane + at][channels.x % 4u]),
          f32(x[(channels.y / 4u) * params.inPlane + at][channels.y % 4u]),
          f32(x[(channels.z / 4u) * params.inPlane + at][channels.z % 4u]),
          f32(x[(channels.w / 4u) * params.inPlane + at][channels.w % 4u]),
        );
        sum += vec4f(weight[weights + k]) * values;
      }
    }
  }
  y[quad * params.outPlane + pixel] = stored(activate(sum));
}
