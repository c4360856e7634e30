// Pixels under a convolution's window, read from `x` by the sizes in `params`: for the kernels whose shapes come from a uniform.

// Top left corner of an output pixel's window (row, column) and the first pixel of its picture.
fn windowOf(pixel: u32) -> vec3i {
  let perPicture = params.outHeight * params.outWidth;
  let picture = pixel / perPicture;
  let rest = pixel - picture * perPicture;
  let oy = rest / params.outWidth;
  let ox = rest - oy * params.outWidth;
  return vec3i(
    i32(oy * params.strideY) - i32(params.paddingY),
    i32(ox * params.strideX) - i32(params.paddingX),
    i32(picture * params.inHeight * params.inWidth),
  );
}

// The four channels of an input quad at element (dy, dx) of a window; zero outside the picture.
fn load(window: vec3i, dy: u32, dx: u32, plane: u32) -> vec4f {
  let iy = window.x + i32(dy);
  let ix = window.y + i32(dx);
  let inside = iy >= 0 && iy < i32(params.inHeight) && ix >= 0 && ix < i32(params.inWidth);
  let at = u32(select(0, window.z + iy * i32(params.inWidth) + ix, inside));
  return select(vec4f(0.0), vec4f(x[plane + at]), inside);
}
