// 1×1 conv2d of stride 1 as a plain GEMM over workgroup memory, register-tiled: for GPUs. As conv2d_tiled.wgsl, but an output
// pixel is its own input pixel, so that nothing is looked up or tested.
// Before the text: GROUP_PIXELS, GROUP_QUADS (invocations along each side), REG_PIXELS, REG_QUADS, STEP. The number of
// invocations must be a multiple of TILE_PIXELS, so that each always loads the same pixel.
// Weights: [tile of output quads][input quad][input channel of the quad][output quad of the tile], a vec4f over the four
// output channels.

const TILE_PIXELS = GROUP_PIXELS * REG_PIXELS;
const TILE_QUADS = GROUP_QUADS * REG_QUADS;
const THREADS = GROUP_PIXELS * GROUP_QUADS;
// Input quads that all invocations together load at once.
const LOADED = THREADS / TILE_PIXELS;

override IN_PLANE: u32;
override IN_QUADS: u32;
override OUT_PLANE: u32;
override OUT_PIXELS: u32;
override OUT_QUADS: u32;
// What is added at the end: 0 nothing, 1 `residual`, 2 what stands in `y`.
override RESIDUAL: u32;

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> weight: array<Weights>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<Quad>;
@group(0) @binding(4) var<storage, read_write> y: array<Quad>;

var<workgroup> tileX: array<vec4f, STEP * TILE_PIXELS>;
var<workgroup> tileW: array<vec4f, STEP * 4u * TILE_QUADS>;

@compute @workgroup_size(GROUP_PIXELS, GROUP_QUADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let firstPixel = (group.x + group.z * grid.x) * TILE_PIXELS;
  let tile = group.y;
  let loadColumn = lane % TILE_PIXELS;
  let loadPixel = min(firstPixel + loadColumn, OUT_PIXELS - 1u);

  var sums: array<vec4f, REG_PIXELS * REG_QUADS>;
  for (var q = 0u; q < REG_QUADS; q++) {
    let start = bias[tile * TILE_QUADS + local.y * REG_QUADS + q];
    for (var p = 0u; p < REG_PIXELS; p++) { sums[p * REG_QUADS + q] = start; }
  }

  for (var first = 0u; first < IN_QUADS; first += STEP) {
    for (var row = lane / TILE_PIXELS; row < STEP; row += LOADED) {
      let quad = first + row;
      tileX[row * TILE_PIXELS + loadColumn] =
        select(vec4f(0.0), vec4f(x[min(quad, IN_QUADS - 1u) * IN_PLANE + loadPixel]), quad < IN_QUADS);
    }
    let weights = (tile * IN_QUADS + first) * 4u * TILE_QUADS;
    let present = min(STEP, IN_QUADS - first) * 4u * TILE_QUADS;
    for (var i = lane; i < STEP * 4u * TILE_QUADS; i += THREADS) {
      tileW[i] = select(vec4f(0.0), weightsOf(weight[weights + min(i, present - 1u)]), i < present);
    }
    workgroupBarrier();

    for (var k = 0u; k < STEP; k++) {
      var pixels: array<vec4f, REG_PIXELS>;
      for (var p = 0u; p < REG_PIXELS; p++) {
        pixels[p] = tileX[k * TILE_PIXELS + p * GROUP_PIXELS + local.x];
      }
      for (var q = 0u; q < REG_QUADS; q++) {
        let at = k * 4u * TILE_QUADS + local.y * REG_QUADS + q;
        let w = mat4x4f(tileW[at], tileW[at + TILE_QUADS], tileW[at + 2u * TILE_QUADS], tileW[at + 3u * TILE_QUADS]);
        for (var p = 0u; p < REG_PIXELS; p++) { sums[p * REG_QUADS + q] += w * pixels[p]; }
      }
    }
    workgroupBarrier();
  }

  for (var q = 0u; q < REG_QUADS; q++) {
    let quad = tile * TILE_QUADS + local.y * REG_QUADS + q;
    for (var p = 0u; p < REG_PIXELS; p++) {
      let pixel = firstPixel + p * GROUP_PIXELS + local.x;
      if (quad < OUT_QUADS && pixel < OUT_PIXELS) {
        let destination = quad * OUT_PLANE + pixel;
        var value = activate(worth(sums[p * REG_QUADS + q], quad));
        if (RESIDUAL == 1u) { value += vec4f(residual[destination]); }
        if (RESIDUAL == 2u) { value += vec4f(y[destination]); }
        y[destination] = stored(value);
      }
    }
  }
}
