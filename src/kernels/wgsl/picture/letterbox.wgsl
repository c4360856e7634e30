// A picture as part of the network's input: resized in integers as OpenCV does it, laid on grey, byte / 255, NCHW. Neighbours,
// weights and quotients come in tables that the CPU made, so that every float equals the CPU's. `pixel` is one of
// pixels_bytes.wgsl, pixels_texture.wgsl.

struct Params {
  width: u32, height: u32, x: u32, y: u32, contentWidth: u32, contentHeight: u32,
  first: u32, grey: u32, sourceWidth: u32, sourceBytes: u32,
}

// For every column of the content, then for every row: two neighbours, their weights out of 2048.
@group(0) @binding(1) var<storage, read> taps: array<vec4u>;
@group(0) @binding(2) var<storage, read> levels: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.x + group.z * grid.x) * 64u + lane;
  let plane = params.width * params.height;
  if (at >= plane) { return; }
  // Left of the content and above it these wrap around, and are far too large.
  let column = at % params.width - params.x;
  let row = at / params.width - params.y;
  var color = vec3u(params.grey);
  if (column < params.contentWidth && row < params.contentHeight) {
    let h = taps[column];
    let v = taps[params.contentWidth + row];
    let upper = (pixel(h.x, v.x) * h.z + pixel(h.y, v.x) * h.w) >> vec3u(4u);
    let lower = (pixel(h.x, v.y) * h.z + pixel(h.y, v.y) * h.w) >> vec3u(4u);
    color = (((upper * v.z) >> vec3u(16u)) + ((lower * v.w) >> vec3u(16u)) + vec3u(2u)) >> vec3u(2u);
  }
  let red = params.first + at;
  y[red] = levels[color.x];
  y[red + plane] = levels[color.y];
  y[red + 2u * plane] = levels[color.z];
}
