// y = activation(x · factor), element by element.

struct Params { plane: u32, outPixels: u32, factor: f32 }

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
  let at = quad * params.plane + pixel;
  y[at] = stored(activate(vec4f(x[at]) * params.factor));
}
