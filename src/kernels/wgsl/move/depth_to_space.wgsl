// depthToSpace: the inverse of spaceToDepth's `contract` order.

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32,
  channels: u32, block: u32,
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
  let oy = (pixel % perPicture) / params.outWidth;
  let ox = pixel % params.outWidth;
  let slice = (oy % params.block) * params.block + ox % params.block;
  let at = (picture * params.inHeight + oy / params.block) * params.inWidth + ox / params.block;
  var value = vec4f(0.0);
  for (var k = 0u; k < 4u; k++) {
    let c = quad * 4u + k;
    if (c >= params.channels) { continue; }
    let source = slice * params.channels + c;
    value[k] = f32(x[(source / 4u) * params.inPlane + at][source % 4u]);
  }
  y[quad * params.outPlane + pixel] = stored(value);
}
