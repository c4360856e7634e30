// How four channels of a pixel are stored: in float32, as they are computed.

alias Quad = vec4f;

fn stored(value: vec4f) -> Quad { return value; }
