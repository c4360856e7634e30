// For each window of a maxPool2d and each of four channels, the first pixel with the largest value: its index within the picture.

const NONE = 0xffffffffu;

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4u>;
@group(0) @binding(2) var<uniform> params: Params;

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
  let first = quad * params.inPlane + picture * params.inHeight * params.inWidth;

  var best = vec4f(0.0);
  var place = vec4u(NONE);
  for (var ky = 0u; ky < params.kernelHeight; ky++) {
    let iy = i32(top + ky * params.dilationY) - i32(params.paddingY);
    if (iy < 0 || iy >= i32(params.inHeight)) { continue; }
    for (var kx = 0u; kx < params.kernelWidth; kx++) {
      let ix = i32(left + kx * params.dilationX) - i32(params.paddingX);
      if (ix < 0 || ix >= i32(params.inWidth)) { continue; }
      let at = u32(iy) * params.inWidth + u32(ix);
      let value = vec4f(x[first + at]);
      let larger = (value > best) | (place == vec4u(NONE));
      best = select(best, value, larger);
      place = select(place, vec4u(at), larger);
    }
  }
  y[quad * params.outPlane + pixel] = place;
}
