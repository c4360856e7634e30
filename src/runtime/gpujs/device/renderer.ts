/** What draws for a WebGL context: a graphics card, or a program on the CPU. */

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render|warp/i;

/** As the driver calls itself; some browsers keep that to themselves and give a general name. */
export function rendererOf(gl: WebGL2RenderingContext): string {
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  return String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

export function isSoftwareRenderer(renderer: string): boolean {
  return SOFTWARE.test(renderer);
}
