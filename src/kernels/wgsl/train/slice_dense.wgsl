// Takes [outer, chunk] out of dense [outer, step] at `offset`: the inverse of `concat_dense.wgsl`.

struct Params { chunk: u32, step: u32, offset: u32, count: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let item = (group.x + group.z * grid.x) * 64u + lane;
  if (item >= params.count) { return; }
  y[item] = x[(item / params.chunk) * params.step + params.offset + item % params.chunk];
}
