// Gathers channels: output channel c is input channel source[c], or zero where source[c] is NONE. This is concat where the
// input could not be written in place, a slice that starts within a quad, and a change of channel order.

const NONE = 0xffffffffu;

struct Params { inPlane: u32, outPlane: u32, outPixels: u32 }

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> source: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<Quad>;
@group(0) @binding(3) var<uniform> params: Params;

fn channel(index: u32, pixel: u32) -> f32 {
  if (index == NONE) { return 0.0; }
  return f32(x[(index / 4u) * params.inPlane + pixel][index % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let quad = group.y;
  let sources = source[quad];
  y[quad * params.outPlane + pixel] = stored(vec4f(
    channel(sources.x, pixel), channel(sources.y, pixel), channel(sources.z, pixel), channel(sources.w, pixel),
  ));
}
