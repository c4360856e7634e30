// Attention, first step: scores[picture][head][query][key] = q · k ÷ √(channels of a head), over all pixels of a picture.

struct Params { perPicture: u32, plane: u32, heads: u32, headChannels: u32, count: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> q: array<Quad>;
@group(0) @binding(1) var<storage, read> k: array<Quad>;
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
  let key = item % params.perPicture;
  let query = (item / params.perPicture) % params.perPicture;
  let head = (item / (params.perPicture * params.perPicture)) % params.heads;
  let picture = item / (params.perPicture * params.perPicture * params.heads);
  let first = picture * params.perPicture;
  var sum = 0.0;
  for (var i = 0u; i < params.headChannels; i++) {
    let c = head * params.headChannels + i;
    let at = (c / 4u) * params.plane + first;
    sum += f32(q[at + query][c % 4u]) * f32(k[at + key][c % 4u]);
  }
  y[item] = sum * params.scale;
}
