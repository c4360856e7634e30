// globalAveragePool: one workgroup per picture and quad; 64 sums, each of partial sums of 64, then their sum: float32
// would lose what is added one by one to millions.

struct Params { perPicture: u32, inPlane: u32, outPlane: u32, pictures: u32 }

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> y: array<Quad>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> partial: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let picture = group.x + group.z * grid.x;
  let quad = group.y;
  let first = quad * params.inPlane + min(picture, params.pictures - 1u) * params.perPicture;
  var sum = vec4f(0.0);
  for (var p = lane; p < params.perPicture;) {
    var part = vec4f(0.0);
    for (var i = 0u; i < 64u && p < params.perPicture; i++) {
      part += vec4f(x[first + p]);
      p += 64u;
    }
    sum += part;
  }
  partial[lane] = sum;
  workgroupBarrier();
  if (lane == 0u && picture < params.pictures) {
    var total = vec4f(0.0);
    for (var i = 0u; i < 64u; i++) { total += partial[i]; }
    y[quad * params.outPlane + picture] = stored(total / f32(params.perPicture));
  }
}
