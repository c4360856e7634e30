// Pixels of a picture that a browser put into a texture: bytes that come as byte / 255.

@group(0) @binding(0) var source: texture_2d<f32>;

fn pixel(x: u32, y: u32) -> vec3u {
  return vec3u(round(textureLoad(source, vec2u(x, y), 0).rgb * 255.0));
}
