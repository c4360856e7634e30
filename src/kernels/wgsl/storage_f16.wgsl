// How four channels of a pixel are stored: in float16, while everything is computed in float32. What float16 cannot hold is
// stored as its largest number, so that no infinity comes up; find_overflow.wgsl looks for it.

enable f16;

alias Quad = vec4h;

fn stored(value: vec4f) -> Quad { return vec4h(clamp(value, vec4f(-65504.0), vec4f(65504.0))); }
