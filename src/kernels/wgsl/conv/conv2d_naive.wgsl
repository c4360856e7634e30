// conv2d, the plain way: one invocation per output pixel and four output channels, every product read from memory.
// Any groups, stride, padding and dilation. Kept to check the fast kernels by.
// Weights: vec4f over the four output channels at [output group of four][ky][kx][input channel of the conv group].

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
  inChannels: u32, inPerGroup: u32, outPerGroup: u32, residual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> weight: array<Weights>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<Quad>;
@group(0) @binding(4) var<storage, read_write> y: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let p = params;
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= p.outPixels) { return; }
  let quad = group.y;
  let perPicture = p.outHeight * p.outWidth;
  let picture = pixel / perPicture;
  let oy = (pixel % perPicture) / p.outWidth;
  let ox = pixel % p.outWidth;

  var sum = bias[quad];
  for (var ky = 0u; ky < p.kernelHeight; ky++) {
    let iy = i32(oy * p.strideY + ky * p.dilationY) - i32(p.paddingY);
    if (iy < 0 || iy >= i32(p.inHeight)) { continue; }
    for (var kx = 0u; kx < p.kernelWidth; kx++) {
      let ix = i32(ox * p.strideX + kx * p.dilationX) - i32(p.paddingX);
      if (ix < 0 || ix >= i32(p.inWidth)) { continue; }
      let at = (picture * p.inHeight + u32(iy)) * p.inWidth + u32(ix);
      let weights = ((quad * p.kernelHeight + ky) * p.kernelWidth + kx) * p.inPerGroup;
      for (var k = 0u; k < p.inPerGroup; k++) {
        // The four output channels may belong to different conv groups.
        let groups = (quad * 4u + vec4u(0u, 1u, 2u, 3u)) / p.outPerGroup;
        let channels = min(groups * p.inPerGroup + k, vec4u(p.inChannels - 1u));
        let values = vec4f(
          f32(x[(channels.x / 4u) * p.inPlane + at][channels.x % 4u]),
          f32(x[(channels.y / 4u) * p.inPlane + at][channels.y % 4u]),
          f32(x[(channels.z / 4u) * p.inPlane + at][channels.z % 4u]),
          f32(x[(channels.w / 4u) * p.inPlane + at][channels.w % 4u]),
        );
        sum += weightsOf(weight[weights + k]) * values;
      }
    }
  }
  let destination = quad * p.outPlane + pixel;
  var value = activate(worth(sum, quad));
  if (p.residual == 1u) { value += vec4f(residual[destination]); }
  if (p.residual == 2u) { value += vec4f(y[destination]); }
  y[destination] = stored(value);
}
