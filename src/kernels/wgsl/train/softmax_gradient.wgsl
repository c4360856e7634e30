// Gradient of softmax from its output s: dx = s · (dy − Σ s · dy), along one axis of dense tensors [outer, size, inner]. One
// invocation per (outer, inner).

struct Params { size: u32, inner: u32, count: u32 }

@group(0) @binding(0) var<storage, read> s: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let item = (group.x + group.z * grid.x) * 64u + lane;
  if (item >= params.count) { return; }
  let first = (item / params.inner) * params.size * params.inner + item % params.inner;
  var sum = 0.0;
  for (var k = 0u; k < params.size; k++) {
    let at = first + k * params.inner;
    sum += s[at] * dy[at];
  }
  for (var k = 0u; k < params.size; k++) {
    let at = first + k * params.inner;
    y[at] = s[at] * (dy[at] - sum);
  }
}
