// σ that ends at exactly 0 where float32 PyTorch's does: exp(-v) is then infinite there, and clamped here.
fn score(v: vec4f) -> vec4f {
  return select(sigmoid(v), vec4f(0.0), v < vec4f(-88.72284));
}
