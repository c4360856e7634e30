// conv2d for small maps with many channels, on GPUs: few output tiles leave most of a GPU idle, so the invocations of a workgroup
// share out the sum over input channels and window as well. A workgroup computes 16 pixels × 16 output channels; each of its 8 slices
// of 32 invocations adds up every eighth term, and the slices' sums meet in workgroup memory.
// Weights: [tile of 16 output channels][ky][kx][input quad][input channel of the quad][output quad of the tile], a vec4f over the
// four output channels.

struct Params {
  inHeight: u32, inWidth: u32, inPlane: u32, inQuads: u32,
  outHeight: u32, outWidth: u32, outPlane: u32, outPixels: u32, outQuads: u32,
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32,
  residual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> weight: array<Weights>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<Quad>;
@group(0) @binding(4) var<storage, read_write> y: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

const SLICES = 8u;
const PIXELS = 8u;
const QUADS = 4u;

var<workgroup> sums: array<vec4f, SLICES * PIXELS * QUADS * 2u>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let column = lane % PIXELS;
  let quad = (lane / PIXELS) % QUADS;
  let slice = lane / (PIXELS * QUADS);
  let pixel = (group.x + group.z * grid.x) * 2u * PIXELS + column;
  let tile = group.y;
  // Pixels beyond the last one compute it again and do not store.
  let last = params.outPixels - 1u;
  let window0 = windowOf(min(pixel, last));
  let window1 = windowOf(min(pixel + PIXELS, last));

  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  let steps = params.kernelHeight * params.kernelWidth * params.inQuads;
  for (var step = slice; step < steps; step += SLICES) {
    let element = step / params.inQuads;
    let plane = (step % params.inQuads) * params.inPlane;
    let dy = (element / params.kernelWidth) * params.dilationY;
    let dx = (element % params.kernelWidth) * params.dilationX;
    let at = (tile * steps + step) * 16u + quad;
    let w = mat4x4f(
      weightsOf(weight[at]), weightsOf(weight[at + QUADS]), weightsOf(weight[at + 2u * QUADS]), weightsOf(weight[at + 3u * QUADS]),
    );
    sum0 += w * load(window0, dy, dx, plane);
    sum1 += w * load(window1, dy, dx, plane);
  }
  sums[lane * 2u] = sum0;
  sums[lane * 2u + 1u] = sum1;
  workgroupBarrier();

  // One slice and half of another finish: an invocation a pixel and quad.
  if (lane >= 2u * PIXELS * QUADS) { return; }
  let second = lane / (PIXELS * QUADS);
  let mine = lane % (PIXELS * QUADS);
  let outPixel = pixel + second * PIXELS;
  let outQuad = tile * QUADS + quad;
  if (outPixel >= params.outPixels || outQuad >= params.outQuads) { return; }
  var total = bias[outQuad];
  for (var s = 0u; s < SLICES; s++) { total += sums[(s * PIXELS * QUADS + mine) * 2u + second]; }
  let at = outQuad * params.outPlane + outPixel;
  var value = activate(worth(total, outQuad));
  if (params.residual == 1u) { value += vec4f(residual[at]); }
  if (params.residual == 2u) { value += vec4f(y[at]); }
  y[at] = stored(value);
}
