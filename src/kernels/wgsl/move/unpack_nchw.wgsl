// C4NHW4 into NCHW floats; source[c] is the stored channel that holds channel c.

struct Params { channels: u32, perPicture: u32, inPlane: u32, outPixels: u32 }

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let c = group.y;
  let picture = pixel / params.perPicture;
  let at = pixel - picture * params.perPicture;
  let place = source[c];
  y[(picture * params.channels + c) * params.perPicture + at] =
    f32(x[(place / 4u) * params.inPlane + pixel][place % 4u]);
}
