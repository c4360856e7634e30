// Decoding (decode_anchor_free.wgsl) of one level of a head without anchors into rows [picture][row][columns]: box, classes, then
// mask coefficients or keypoints. One invocation per pixel and group: the box, four classes, or four further numbers.

struct Params {
  height: u32, width: u32, plane: u32, scorePlane: u32, otherPlane: u32, outPixels: u32,
  bins: u32, classes: u32, extras: u32, keypointSize: u32, corners: u32,
  rows: u32, firstRow: u32,
  stride: f32,
}

@group(0) @binding(0) var<storage, read> boxes: array<Quad>;
@group(0) @binding(1) var<storage, read> scores: array<Quad>;
@group(0) @binding(2) var<storage, read> others: array<Quad>;
// What the bins stand for, in cells.
@group(0) @binding(3) var<storage, read> bins: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let perPicture = params.height * params.width;
  let picture = pixel / perPicture;
  let at = pixel - picture * perPicture;
  let cell = vec2u(at % params.width, at / params.width);
  let columns = 4u + params.classes + params.extras;
  let row = (picture * params.rows + params.firstRow + at) * columns;
  if (group.y == 0u) {
    let box = decodeBox(pixel, cell);
    for (var i = 0u; i < 4u; i++) { y[row + i] = box[i]; }
    return;
  }
  let quad = group.y - 1u;
  let scoreQuads = (params.classes + 3u) / 4u;
  if (quad < scoreQuads) {
    let values = score(vec4f(scores[quad * params.scorePlane + pixel]));
    for (var i = 0u; i < min(4u, params.classes - quad * 4u); i++) { y[row + 4u + quad * 4u + i] = values[i]; }
    return;
  }
  let first = (quad - scoreQuads) * 4u;
  let raw = vec4f(others[(quad - scoreQuads) * params.otherPlane + pixel]);
  for (var i = 0u; i < min(4u, params.extras - first); i++) {
    y[row + 4u + params.classes + first + i] = decodeFurther(raw[i], first + i, cell);
  }
}
