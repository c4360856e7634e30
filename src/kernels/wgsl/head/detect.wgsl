// Decoding (decode.wgsl) of one head map into rows [picture][row][outputs]. One invocation per pixel and quad.

struct Params {
  height: u32, width: u32, plane: u32, outPixels: u32,
  anchors: u32, outputs: u32, rawFrom: u32, rows: u32, firstRow: u32,
  stride: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
// Pairs (width, height) in input pixels.
@group(0) @binding(1) var<storage, read> anchorSizes: array<vec2f>;
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
  let quad = group.y;
  let perPicture = params.height * params.width;
  let picture = pixel / perPicture;
  let cell = pixel - picture * perPicture;
  let position = vec2u(cell % params.width, cell / params.width);
  let raw = vec4f(x[quad * params.plane + pixel]);
  let doubled = 2.0 * score(raw);
  for (var i = 0u; i < 4u; i++) {
    let c = quad * 4u + i;
    let anchor = c / params.outputs;
    if (anchor >= params.anchors) { continue; }
    let k = c - anchor * params.outputs;
    let value = decode(raw[i], doubled[i], k, params.rawFrom, position, params.stride, anchorSizes[anchor]);
    y[(picture * params.rows + params.firstRow + anchor * perPicture + cell) * params.outputs + k] = value;
  }
}
