// Weights of a convolution as signed bytes, four output channels in a word. Sums are in steps of each channel's scale: `bias`
// holds the biases in them, then as many scales.

alias Weights = u32;

fn weightsOf(w: Weights) -> vec4f { return vec4f((vec4i(i32(w)) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u)); }

// What the sum of a quad of output channels is worth.
fn worth(sum: vec4f, quad: u32) -> vec4f { return sum * bias[arrayLength(&bias) / 2u + quad]; }
