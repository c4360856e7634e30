// dx = f'(x) · dy, element by element, with f' in PyTorch's definitions. Which activation f is, says the same override as in
// `activation.wgsl`; where f has no derivative, it is PyTorch's choice.

struct Params { plane: u32, outPixels: u32 }

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read> dy: array<Quad>;
@group(0) @binding(2) var<storage, read_write> y: array<Quad>;
@group(0) @binding(3) var<uniform> params: Params;

fn steps(holds: vec4<bool>) -> vec4f { return select(vec4f(0.0), vec4f(1.0), holds); }

// tanh(softplus(v)) = (e² + 2e) ÷ (e² + 2e + 2), as in mish.
fn mishDerivative(v: vec4f) -> vec4f {
  let e = exp(min(v, vec4f(20.0)));
  let q = e * (e + 2.0);
  let t = q / (q + 2.0);
  return t + v * (1.0 - t * t) * sigmoid(v);
}

fn derivative(v: vec4f) -> vec4f {
  let s = sigmoid(v);
  let zero = vec4f(0.0);
  switch (ACTIVATION) {
    case 1u: { return s * (1.0 + v * (1.0 - s)); }                                 // silu
    case 2u: { return s * sigmoid(-v); }
    case 3u: { return steps(v > zero); }                                           // relu
    case 4u: { return steps(v > zero) * steps(v < vec4f(6.0)); }                   // relu6
    case 5u: { return select(vec4f(ACTIVATION_PARAMETER), vec4f(1.0), v > zero); } // leakyRelu
    case 6u: {                                                                     // hardswish
      return select(select(vec4f(1.0), v / 3.0 + 0.5, v <= vec4f(3.0)), zero, v < vec4f(-3.0));
    }
    case 7u: { return steps(v > vec4f(-3.0)) * steps(v < vec4f(3.0)) / 6.0; }      // hardsigmoid
    case 8u: { return mishDerivative(v); }
    case 9u: {                                                                     // gelu
      let density = exp(-min(0.5 * v * v, vec4f(88.0))) * 0.3989422804;
      return 0.5 * (1.0 + errorFunction(v * 0.70710678118)) + v * density;
    }
    case 10u: { return 4.0 * sigmoid(2.0 * v) * sigmoid(-2.0 * v); }               // tanh
    case 11u: { return select(ACTIVATION_PARAMETER * exp(min(v, zero)), vec4f(1.0), v > zero); } // elu
    case 12u: { return select(s, vec4f(1.0), v > vec4f(20.0)); }                   // softplus
    default: { return vec4f(1.0); }                                                // identity
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = (group.x + group.z * grid.x) * 64u + lane;
  if (pixel >= params.outPixels) { return; }
  let quad = group.y;
  let at = quad * params.plane + pixel;
  y[at] = stored(derivative(vec4f(x[at])) * vec4f(dy[at]));
}
