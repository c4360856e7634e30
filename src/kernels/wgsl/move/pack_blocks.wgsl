// NCHW floats into C4NHW4 with 2×2 blocks of pixels folded into channels: stored channel (dy · 2 + dx) · channels + c of
// pixel (y, x) is channel c of pixel (2y + dy, 2x + dx). A convolution of stride 2 with an even window is then one of
// stride 1 with half the window, and three channels fill whole quads.

struct Params { channels: u32, inHeight: u32, inWidth: u32, outWidth: u32, perPicture: u32, outPlane: u32, outPixels: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
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
  let picture = pixel / params.perPicture;
  let rest = pixel - picture * params.perPicture;
  let row = rest / params.outWidth;
  let column = rest - row * params.outWidth;
  var value = vec4f(0.0);
  for (var k = 0u; k < 4u; k++) {
    let channel = quad * 4u + k;
    let corner = channel / params.channels;
    if (corner >= 4u) { continue; }
    let plane = (picture * params.channels + channel % params.channels) * params.inHeight;
    value[k] = x[(plane + 2u * row + corner / 2u) * params.inWidth + 2u * column + corner % 2u];
  }
  y[quad * params.outPlane + pixel] = stored(value);
}
