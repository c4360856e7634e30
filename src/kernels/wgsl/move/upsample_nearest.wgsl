// upsampleNearest by whole factors: output (y, x) is input (y ÷ scaleY, x ÷ scaleX).

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
  let perPicture = params.outHeight * params.outWidth;
  let picture = pixel / perPicture;
  let iy = ((pixel % perPicture) / params.outWidth) / params.scaleY;
  let ix = (pixel % params.outWidth) / params.scaleX;
  y[quad * params.outPlane + pixel] =
    x[quad * params.inPlane + (picture * params.inHeight + iy) * params.inWidth + ix];
}
