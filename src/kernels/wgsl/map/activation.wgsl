// Activation functions, with PyTorch's definitions. Which one is an override, so that only that one is compiled.
// Exponents are clamped: exp(88) is the last power that a float32 holds, and beyond it the results no longer change.

override ACTIVATION: u32 = 0u;
// Slope of leakyRelu, alpha of elu.
override ACTIVATION_PARAMETER: f32 = 0.0;

fn sigmoid(v: vec4f) -> vec4f {
  return 1.0 / (1.0 + exp(min(-v, vec4f(88.0))));
}

// log(1 + exp(v)); v itself beyond 20, as PyTorch does. For small exp(v), log(1 + e) = e - e²/2 keeps its digits.
fn softplus(v: vec4f) -> vec4f {
  let e = exp(min(v, vec4f(20.0)));
  let small = e - 0.5 * e * e;
  return select(select(log(1.0 + e), small, e < vec4f(1e-4)), v, v > vec4f(20.0));
}

// v · tanh(softplus(v)) with tanh(log(1 + e)) = (e² + 2e) ÷ (e² + 2e + 2).
fn mish(v: vec4f) -> vec4f {
  let e = exp(min(v, vec4f(20.0)));
  let q = e * (e + 2.0);
  return select(v * (q / (q + 2.0)), v, v > vec4f(20.0));
}

// The error function, Abramowitz and Stegun 7.1.26 (absolute error below 1.5e-7).
fn errorFunction(v: vec4f) -> vec4f {
  let a = abs(v);
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(v) * (1.0 - p * exp(-min(a * a, vec4f(88.0))));
}

fn activate(v: vec4f) -> vec4f {
  switch (ACTIVATION) {
    case 1u: { return v * sigmoid(v); }                                            // silu
    case 2u: { return sigmoid(v); }
    case 3u: { return max(v, vec4f(0.0)); }                                        // relu
    case 4u: { return clamp(v, vec4f(0.0), vec4f(6.0)); }                          // relu6
    case 5u: { return select(v * ACTIVATION_PARAMETER, v, v > vec4f(0.0)); }       // leakyRelu
    case 6u: { return v * (clamp(v + 3.0, vec4f(0.0), vec4f(6.0)) / 6.0); }        // hardswish
    case 7u: { return clamp(v + 3.0, vec4f(0.0), vec4f(6.0)) / 6.0; }              // hardsigmoid
    case 8u: { return mish(v); }
    case 9u: { return 0.5 * v * (1.0 + errorFunction(v * 0.70710678118)); }        // gelu
    case 10u: { return 2.0 * sigmoid(2.0 * v) - 1.0; }                             // tanh
    case 11u: { return select(ACTIVATION_PARAMETER * (exp(min(v, vec4f(0.0))) - 1.0), v, v > vec4f(0.0)); } // elu
    case 12u: { return softplus(v); }
    default: { return v; }                                                         // identity
  }
}
