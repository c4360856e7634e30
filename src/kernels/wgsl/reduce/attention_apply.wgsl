// Attention, last step: output channel c of a pixel = Σ over keys of scores[head of c][pixel][key] · v[c][key].

struct Params {
  perPicture: u32, plane: u32, outPlane: u32, outPixels: u32, heads: u32, headChannels: u32,
}

@group(0) @binding(0) var<storage, read> scores: array<f32>;
@group(0) @binding(1) var<storage, read> v: array<Quad>;
@group(0) @binding(2) var<storage, read_write> y: array<Quad>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let quad = group.y;
  let picture = pixel / params.perPicture;
  let query = pixel - picture * params.perPicture;
  // The four channels may belong to different heads.
  let heads = min((quad * 4u + vec4u(0u, 1u, 2u, 3u)) / params.headChannels, vec4u(params.heads - 1u));
  let rows = ((picture * params.heads + heads) * params.perPicture + query) * params.perPicture;
  let values = quad * params.plane + picture * params.perPicture;
  var sum = vec4f(0.0);
  for (var key = 0u; key < params.perPicture; key++) {
    let score = vec4f(scores[rows.x + key], scores[rows.y + key], scores[rows.z + key], scores[rows.w + key]);
    sum += score * vec4f(v[values + key]);
  }
  y[quad * params.outPlane + pixel] = stored(sum);
}
