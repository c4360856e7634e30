// Three max pools of one window and stride 1, each over the one before (SPPF), in one dispatch. A workgroup loads a square of
// TILE × TILE output pixels with all neighbours that the third pool reaches, for one quad, and pools it in workgroup memory, rows
// then columns, three times. Padding counts as minus infinity.
// Header: POOL window; TILE output pixels a side; SIDE = TILE + 3 · (POOL − 1); PER = SIDE² ÷ 256, rounded up.

struct Params { height: u32, width: u32, plane: u32, tilesY: u32, tilesX: u32 }

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> first: array<Quad>;
@group(0) @binding(2) var<storage, read_write> second: array<Quad>;
@group(0) @binding(3) var<storage, read_write> y: array<Quad>;
@group(0) @binding(4) var<uniform> params: Params;

const REACH = POOL / 2u;
const LOWEST = vec4f(-0x1.fffffep+127);

var<workgroup> square: array<vec4f, SIDE * SIDE>;

// The highest of POOL elements around `i`, `step` apart, that lie in its row or column. Beyond the square the last one in it
// counts, which is among the POOL anyway.
fn highest(i: u32, at: u32, step: u32) -> vec4f {
  var best = LOWEST;
  for (var k = 0u; k < POOL; k++) {
    let place = clamp(i32(at + k) - i32(REACH), 0, i32(SIDE) - 1);
    best = max(best, square[i32(i) + (place - i32(at)) * i32(step)]);
  }
  return best;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.x + group.z * grid.x;
  let perPicture = params.tilesY * params.tilesX;
  let picture = tile / perPicture;
  let top = ((tile % perPicture) / params.tilesX) * TILE;
  let left = (tile % params.tilesX) * TILE;
  let start = group.y * params.plane + picture * params.height * params.width;

  for (var i = lane; i < SIDE * SIDE; i += 256u) {
    let row = i32(top + i / SIDE) - i32(3u * REACH);
    let column = i32(left + i % SIDE) - i32(3u * REACH);
    let inside = row >= 0 && row < i32(params.height) && column >= 0 && column < i32(params.width);
    let at = select(0u, u32(row * i32(params.width) + column), inside);
    square[i] = select(LOWEST, vec4f(x[start + at]), inside);
  }
  workgroupBarrier();

  for (var stage = 0u; stage < 3u; stage++) {
    var kept: array<vec4f, PER>;
    for (var j = 0u; j < PER; j++) {
      let i = lane + j * 256u;
      if (i < SIDE * SIDE) { kept[j] = highest(i, i % SIDE, 1u); }
    }
    workgroupBarrier();
    for (var j = 0u; j < PER; j++) {
      let i = lane + j * 256u;
      if (i < SIDE * SIDE) { square[i] = kept[j]; }
    }
    workgroupBarrier();
    for (var j = 0u; j < PER; j++) {
      let i = lane + j * 256u;
      if (i < SIDE * SIDE) { kept[j] = highest(i, i / SIDE, SIDE); }
    }
    workgroupBarrier();
    for (var j = 0u; j < PER; j++) {
      let i = lane + j * 256u;
      if (i >= SIDE * SIDE) { continue; }
      let row = top + i / SIDE - 3u * REACH;
      let column = left + i % SIDE - 3u * REACH;
      // Numbers below zero wrap and are far beyond the picture.
      let inside = row < params.height && column < params.width;
      // What lies outside stays at minus infinity for the next pool.
      square[i] = select(LOWEST, kept[j], inside);
      let mine = i / SIDE >= 3u * REACH && i / SIDE < 3u * REACH + TILE && i % SIDE >= 3u * REACH && i % SIDE < 3u * REACH + TILE;
      if (!inside || !mine) { continue; }
      let at = start + row * params.width + column;
      let value = stored(kept[j]);
      if (stage == 0u) { first[at] = value; }
      if (stage == 1u) { second[at] = value; }
      if (stage == 2u) { y[at] = value; }
    }
    workgroupBarrier();
  }
}
