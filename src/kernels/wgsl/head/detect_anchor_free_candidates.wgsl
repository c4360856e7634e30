// Rows of one level of a head without anchors that can become boxes, decoded (decode_anchor_free.wgsl) and packed: those with any
// class's score above a threshold. One invocation per pixel.
//
// Slots are taken in whatever order invocations come, so each row is noted with its number. A picture's counter goes on
// counting when its slots are full: then rows are missing and the counter says how many.

struct Params {
  height: u32, width: u32, plane: u32, scorePlane: u32, otherPlane: u32, outPixels: u32,
  bins: u32, classes: u32, extras: u32, keypointSize: u32, corners: u32,
  firstRow: u32,
  // Slots for each picture; pictures.
  capacity: u32, pictures: u32,
  stride: f32, threshold: f32,
}

@group(0) @binding(0) var<storage, read> boxes: array<Quad>;
@group(0) @binding(1) var<storage, read> scores: array<Quad>;
@group(0) @binding(2) var<storage, read> others: array<Quad>;
// What the bins stand for, in cells.
@group(0) @binding(3) var<storage, read> bins: array<f32>;
// A counter for each picture, then the row number for each slot of each picture.
@group(0) @binding(4) var<storage, read_write> found: array<atomic<u32>>;
// [picture][slot][columns].
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  var passes = false;
  for (var quad = 0u; quad * 4u < params.classes; quad++) {
    let k = vec4u(quad * 4u) + vec4u(0u, 1u, 2u, 3u);
    let values = score(vec4f(scores[quad * params.scorePlane + pixel]));
    passes |= any((values > vec4f(params.threshold)) & (k < vec4u(params.classes)));
  }
  if (!passes) { return; }

  let perPicture = params.height * params.width;
  let picture = pixel / perPicture;
  let slot = atomicAdd(&found[picture], 1u);
  if (slot >= params.capacity) { return; }
  let at = pixel - picture * perPicture;
  let cell = vec2u(at % params.width, at / params.width);
  let place = picture * params.capacity + slot;
  atomicStore(&found[params.pictures + place], params.firstRow + at);
  let row = place * (4u + params.classes + params.extras);
  let box = decodeBox(pixel, cell);
  for (var i = 0u; i < 4u; i++) { y[row + i] = box[i]; }
  for (var c = 0u; c < params.classes; c++) {
    y[row + 4u + c] = score(vec4f(scores[(c / 4u) * params.scorePlane + pixel]))[c % 4u];
  }
  for (var e = 0u; e < params.extras; e++) {
    let raw = f32(others[(e / 4u) * params.otherPlane + pixel][e % 4u]);
    y[row + 4u + params.classes + e] = decodeFurther(raw, e, cell);
  }
}
