// Weights of a convolution as numbers of the same kind as its pictures. Four output channels are a `Weights`.

alias Weights = Quad;

fn weightsOf(w: Weights) -> vec4f { return vec4f(w); }

// What the sum of a quad of output channels is worth.
fn worth(sum: vec4f, quad: u32) -> vec4f { return sum; }
