// NCHW floats into C4NHW4; channels beyond the last one are zero.

struct Params { channels: u32, perPicture: u32, outPlane: u32, outPixels: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
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
  let picture = pixel / params.perPicture;
  let at = pixel - picture * params.perPicture;
  var value = vec4f(0.0);
  for (var k = 0u; k < 4u; k++) {
    let c = quad * 4u + k;
    if (c < params.channels) { value[k] = x[(picture * params.channels + c) * params.perPicture + at]; }
  }
  y[quad * params.outPlane + pixel] = stored(value);
}
