// y = x · scale + shift with one scale and shift a channel: inference BatchNorm that no convolution could take in.

struct Params { plane: u32, outPixels: u32 }

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> scale: array<vec4f>;
@group(0) @binding(2) var<storage, read> shift: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Quad>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let quad = group.y;
  let at = quad * params.plane + pixel;
  y[at] = stored(vec4f(x[at]) * scale[quad] + shift[quad]);
}
