// spaceToDepth: output channel = slice · channels + channel, where a slice is one (row, column) of every block.
// Order `focus`: (0,0), (1,0), (0,1), (1,1); `contract`: (0,0), (0,1), (1,0), (1,1).

override FOCUS: bool = false;

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
  let top = ((pixel % perPicture) / params.outWidth) * params.block;
  let left = (pixel % params.outWidth) * params.block;
  var value = vec4f(0.0);
  for (var k = 0u; k < 4u; k++) {
    let c = quad * 4u + k;
    let slice = c / params.channels;
    if (slice >= params.block * params.block) { continue; }
    let source = c % params.channels;
    let slow = slice / params.block;
    let fast = slice % params.block;
    let iy = top + select(slow, fast, FOCUS);
    let ix = left + select(fast, slow, FOCUS);
    let at = (picture * params.inHeight + iy) * params.inWidth + ix;
    value[k] = f32(x[(source / 4u) * params.inPlane + at][source % 4u]);
  }
  y[quad * params.outPlane + pixel] = stored(value);
}
