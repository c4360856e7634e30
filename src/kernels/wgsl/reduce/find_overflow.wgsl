// Whether a tensor holds what float16 cannot: a number that storing cut off (storage_f16.wgsl), or no number. The first
// dispatch (`step`) that left one wins.

struct Params { plane: u32, outPixels: u32, step: u32 }

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> first: atomic<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  // Tests the bits, because a compiler may assume that no number is infinite: 65504 and everything beyond.
  let bits = bitcast<vec4u>(vec4f(x[group.y * params.plane + pixel])) & vec4u(0x7fffffffu);
  if (any(bits >= vec4u(0x477fe000u))) { atomicMin(&first, params.step); }
}
