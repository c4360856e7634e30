// Rows of one head map that can become boxes, decoded (decode.wgsl) and packed: those with an objectness, and objectness ×
// class for any class, above a threshold. One invocation per pixel and anchor.
//
// Slots are taken in whatever order invocations come, so each row is noted with its number. A picture's counter goes on
// counting when its slots are full: then rows are missing and the counter says how many.

struct Params {
  height: u32, width: u32, plane: u32, outPixels: u32,
  outputs: u32, rawFrom: u32, firstRow: u32,
  // Slots for each picture; pictures.
  capacity: u32, pictures: u32,
  stride: f32, threshold: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
// Pairs (width, height) in input pixels.
@group(0) @binding(1) var<storage, read> anchorSizes: array<vec2f>;
// A counter for each picture, then the row number for each slot of each picture.
@group(0) @binding(2) var<storage, read_write> found: array<atomic<u32>>;
// [picture][slot][outputs].
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let anchor = group.y;
  let first = anchor * params.outputs;
  let at = first + 4u;
  let objectness = score(vec4f(x[(at / 4u) * params.plane + pixel]))[at % 4u];
  if (!(objectness > params.threshold)) { return; }

  var passes = false;
  let lastQuad = (first + params.rawFrom - 1u) / 4u;
  for (var quad = (first + 5u) / 4u; quad <= lastQuad; quad++) {
    // Channels of the anchor before this one wrap around and are large.
    let k = vec4u(quad * 4u) + vec4u(0u, 1u, 2u, 3u) - first;
    let scores = objectness * score(vec4f(x[quad * params.plane + pixel]));
    passes |= any((scores > vec4f(params.threshold)) & (k >= vec4u(5u)) & (k < vec4u(params.rawFrom)));
  }
  if (!passes) { return; }

  let perPicture = params.height * params.width;
  let picture = pixel / perPicture;
  let slot = atomicAdd(&found[picture], 1u);
  if (slot >= params.capacity) { return; }
  let cell = pixel - picture * perPicture;
  let place = picture * params.capacity + slot;
  atomicStore(&found[params.pictures + place], params.firstRow + anchor * perPicture + cell);
  let position = vec2u(cell % params.width, cell / params.width);
  for (var k = 0u; k < params.outputs; k++) {
    let c = first + k;
    let raw = vec4f(x[(c / 4u) * params.plane + pixel]);
    let doubled = 2.0 * score(raw);
    y[place * params.outputs + k] =
      decode(raw[c % 4u], doubled[c % 4u], k, params.rawFrom, position, params.stride, anchorSizes[anchor]);
  }
}
