// softmax along one axis of a dense row-major tensor [outer, size, inner]: one invocation per (outer, inner).

struct Params { size: u32, inner: u32, count: u32 }

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
  let first = (item / params.inner) * params.size * params.inner + item % params.inner;
  var top = x[first];
  for (var k = 1u; k < params.size; k++) { top = max(top, x[first + k * params.inner]); }
  var sum = 0.0;
  for (var k = 0u; k < params.size; k++) {
    let e = exp(x[first + k * params.inner] - top);
    y[first + k * params.inner] = e;
    sum += e;
  }
  for (var k = 0u; k < params.size; k++) { y[first + k * params.inner] /= sum; }
}
