// The sum of each channel over a part of all pixels, one invocation for four channels; `sum_parts.wgsl` adds the parts.
// Channels are stored in order. Written as [part][channel].

struct Params { plane: u32, pixels: u32, channels: u32, partPixels: u32 }

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = (group.x + group.z * grid.x) * 64u + lane;
  let first = part * params.partPixels;
  if (first >= params.pixels) { return; }
  let quad = group.y;
  var sum = vec4f(0.0);
  for (var pixel = first; pixel < min(first + params.partPixels, params.pixels); pixel++) {
    sum += vec4f(x[quad * params.plane + pixel]);
  }
  for (var k = 0u; k < 4u; k++) {
    let channel = quad * 4u + k;
    if (channel < params.channels) { y[part * params.channels + channel] = sum[k]; }
  }
}
