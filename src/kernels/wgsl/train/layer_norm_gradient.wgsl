// Gradient of layerNorm's input. With z the normalised channels of a pixel and g = dy · weight:
// dx = (g − mean of g − z · mean of g · z) ÷ √(variance + eps). Channels are stored in order.

struct Params { plane: u32, outPixels: u32, channels: u32, quads: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<Quad>;
@group(0) @binding(3) var<storage, read_write> y: array<Quad>;
@group(0) @binding(4) var<uniform> params: Params;

// Zero in the components of a quad that are no channel.
fn present(quad: u32, value: vec4f) -> vec4f {
  return select(vec4f(0.0), value, quad * 4u + vec4u(0u, 1u, 2u, 3u) < vec4u(params.channels));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let count = f32(params.channels);
  var sum = vec4f(0.0);
  for (var q = 0u; q < params.quads; q++) { sum += present(q, vec4f(x[q * params.plane + pixel])); }
  let mean = dot(sum, vec4f(1.0)) / count;
  var squares = vec4f(0.0);
  var given = vec4f(0.0);
  var products = vec4f(0.0);
  for (var q = 0u; q < params.quads; q++) {
    let at = q * params.plane + pixel;
    let d = present(q, vec4f(x[at]) - mean);
    let g = present(q, vec4f(dy[at]) * weight[q]);
    squares += d * d;
    given += g;
    products += d * g;
  }
  let scale = 1.0 / sqrt(dot(squares, vec4f(1.0)) / count + params.eps);
  let meanGiven = dot(given, vec4f(1.0)) / count;
  let slope = dot(products, vec4f(1.0)) / count * scale * scale;
  for (var q = 0u; q < params.quads; q++) {
    let at = q * params.plane + pixel;
    let d = vec4f(x[at]) - mean;
    y[at] = stored(scale * (vec4f(dy[at]) * weight[q] - meanGiven - d * slope));
  }
}
