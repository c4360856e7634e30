// Gradient of maxPool2d as a gather: each input pixel takes what the windows that cover it give, where it is their place
// (`max_pool_index.wgsl`). Sizes in `params` are those of the pool.

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, inPixels: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
}

@group(0) @binding(0) var<storage, read> places: array<vec4u>;
@group(0) @binding(1) var<storage, read> dy: array<Quad>;
@group(0) @binding(2) var<storage, read_write> y: array<Quad>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.inPixels) { return; }
  let quad = group.y;
  let perPicture = params.inHeight * params.inWidth;
  let picture = pixel / perPicture;
  let own = pixel % perPicture;
  let iy = own / params.inWidth;
  let ix = own % params.inWidth;
  var sum = vec4f(0.0);
  for (var ky = 0u; ky < params.kernelHeight; ky++) {
    let sy = i32(iy + params.paddingY) - i32(ky * params.dilationY);
    if (sy < 0 || sy % i32(params.strideY) != 0) { continue; }
    let oy = u32(sy) / params.strideY;
    if (oy >= params.outHeight) { continue; }
    for (var kx = 0u; kx < params.kernelWidth; kx++) {
      let sx = i32(ix + params.paddingX) - i32(kx * params.dilationX);
      if (sx < 0 || sx % i32(params.strideX) != 0) { continue; }
      let ox = u32(sx) / params.strideX;
      if (ox >= params.outWidth) { continue; }
      let at = quad * params.outPlane + (picture * params.outHeight + oy) * params.outWidth + ox;
      sum += select(vec4f(0.0), vec4f(dy[at]), places[at] == vec4u(own));
    }
  }
  y[quad * params.inPlane + pixel] = stored(sum);
}
