/** The renderer of a WebGL context: a graphics card, or software on the CPU. */

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render|warp/i;

/** The driver's own name; some browsers hide it and return a generic name. */
export function rendererOf(gl: WebGL2RenderingContext): string {
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  return String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

export function isSoftwareRenderer(renderer: string): boolean {
  return SOFTWARE.test(renderer);
}
