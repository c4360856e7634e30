// Sums over blocks of pixels, the gradient of upsampleNearest: four channels of one output pixel per invocation.

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32,
  scaleY: u32, scaleX: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> y: array<Quad>;
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
  // Pictures follow one another, and each has a whole number of blocks of rows.
  let top = (pixel / params.outWidth) * params.scaleY;
  let left = (pixel % params.outWidth) * params.scaleX;
  var sum = vec4f(0.0);
  for (var dy = 0u; dy < params.scaleY; dy++) {
    for (var dx = 0u; dx < params.scaleX; dx++) {
      sum += vec4f(x[quad * params.inPlane + (top + dy) * params.inWidth + left + dx]);
    }
  }
  y[quad * params.outPlane + pixel] = stored(sum);
}
