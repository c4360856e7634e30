// Pixels of a picture that lies in memory as packed bytes, three or four a pixel.

@group(0) @binding(0) var<storage, read> source: array<u32>;

fn pixel(x: u32, y: u32) -> vec3u {
  let at = (y * params.sourceWidth + x) * params.sourceBytes;
  let shift = (at & 3u) * 8u;
  var bits = source[at >> 2u] >> shift;
  if (shift > 8u) { bits |= source[(at >> 2u) + 1u] << (32u - shift); }
  return vec3u(bits, bits >> 8u, bits >> 16u) & vec3u(255u);
}
