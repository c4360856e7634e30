// pad2d: a border of one value around every channel; negative padding crops.

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32,
  // Two's complement: negative where the border is cropped.
  top: u32, left: u32,
  value: f32,
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
  let iy = i32((pixel % perPicture) / params.outWidth) - bitcast<i32>(params.top);
  let ix = i32(pixel % params.outWidth) - bitcast<i32>(params.left);
  var value = vec4f(params.value);
  if (iy >= 0 && iy < i32(params.inHeight) && ix >= 0 && ix < i32(params.inWidth)) {
    value = vec4f(x[quad * params.inPlane + (picture * params.inHeight + u32(iy)) * params.inWidth + u32(ix)]);
  }
  y[quad * params.outPlane + pixel] = stored(value);
}
