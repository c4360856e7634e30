// Decoding of a cell of a head without anchors: distances to the four sides of its box, keypoints, mask coefficients. Kernels
// that share it give the same bits. They bind `boxes` and `bins` and have the members of `Params` that are read here.

// Distance to a side, in cells: the mean of the softmax over its bins, or the number itself where there are none.
fn distance(side: u32, pixel: u32) -> f32 {
  if (params.bins == 0u) { return f32(boxes[pixel][side]); }
  let first = side * params.bins;
  let end = first + params.bins;
  // Channels of a group that belong to another side count as −∞, which no exponential is taken of.
  var top = vec4f(-3.0e38);
  for (var quad = first / 4u; quad * 4u < end; quad++) {
    let c = vec4u(quad * 4u) + vec4u(0u, 1u, 2u, 3u);
    let own = (c >= vec4u(first)) & (c < vec4u(end));
    top = max(top, select(vec4f(-3.0e38), vec4f(boxes[quad * params.plane + pixel]), own));
  }
  let highest = max(max(top.x, top.y), max(top.z, top.w));
  var sum = vec4f(0.0);
  var weighted = vec4f(0.0);
  for (var quad = first / 4u; quad * 4u < end; quad++) {
    let c = vec4u(quad * 4u) + vec4u(0u, 1u, 2u, 3u);
    let own = (c >= vec4u(first)) & (c < vec4u(end));
    // Differences of channels of other sides may be large: clamped, so that their exponentials stay finite.
    let difference = min(vec4f(boxes[quad * params.plane + pixel]) - highest, vec4f(0.0));
    let share = select(vec4f(0.0), exp(difference), own);
    let b = min(c - first, vec4u(params.bins - 1u));
    sum += share;
    weighted += share * vec4f(bins[b.x], bins[b.y], bins[b.z], bins[b.w]);
  }
  return dot(weighted, vec4f(1.0)) / dot(sum, vec4f(1.0));
}

// Centre and size, or corners, in input pixels.
fn decodeBox(pixel: u32, cell: vec2u) -> vec4f {
  let centre = vec2f(cell) + 0.5;
  let near = centre - vec2f(distance(0u, pixel), distance(1u, pixel));
  let far = centre + vec2f(distance(2u, pixel), distance(3u, pixel));
  if (params.corners == 1u) { return vec4f(near, far) * params.stride; }
  return vec4f(0.5 * (near + far), far - near) * params.stride;
}

// Number `k` of what a box has beside its classes.
fn decodeFurther(raw: f32, k: u32, cell: vec2u) -> f32 {
  if (params.keypointSize == 0u) { return raw; }
  let part = k % params.keypointSize;
  if (part >= 2u) { return score(vec4f(raw)).x; }
  return (2.0 * raw + f32(cell[part])) * params.stride;
}
