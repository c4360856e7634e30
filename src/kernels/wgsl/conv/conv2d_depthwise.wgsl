// Depthwise conv2d (groups = input channels = output channels): four channels of one output pixel per invocation.
// Weights: vec4f over the four channels at [quad][ky][kx].

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
  residual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> weight: array<Quad>;
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
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let quad = group.y;
  let perPicture = params.outHeight * params.outWidth;
  let picture = pixel / perPicture;
  let top = ((pixel % perPicture) / params.outWidth) * params.strideY;
  let left = (pixel % params.outWidth) * params.strideX;

  var sum = bias[quad];
  for (var ky = 0u; ky < params.kernelHeight; ky++) {
    let iy = i32(top + ky * params.dilationY) - i32(params.paddingY);
    if (iy < 0 || iy >= i32(params.inHeight)) { continue; }
    let row = quad * params.inPlane + (picture * params.inHeight + u32(iy)) * params.inWidth;
    for (var kx = 0u; kx < params.kernelWidth; kx++) {
      let ix = i32(left + kx * params.dilationX) - i32(params.paddingX);
      if (ix < 0 || ix >= i32(params.inWidth)) { continue; }
      sum += vec4f(weight[(quad * params.kernelHeight + ky) * params.kernelWidth + kx]) * vec4f(x[row + u32(ix)]);
    }
  }
  let destination = quad * params.outPlane + pixel;
  var value = activate(sum);
  if (params.residual == 1u) { value += vec4f(residual[destination]); }
  if (params.residual == 2u) { value += vec4f(y[destination]); }
  y[destination] = stored(value);
}
