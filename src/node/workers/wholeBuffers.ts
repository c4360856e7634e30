/** Which memory of a message can be handed over to the other thread instead of copied. */

/** The buffers that belong to one of these views alone, each once. */
export function wholeBuffers(views: readonly (Uint8Array | Float32Array)[]): ArrayBuffer[] {
  const whole = views.filter(({ buffer, byteLength }) => buffer.byteLength === byteLength && byteLength > 0);
  const buffers = new Set(whole.map(({ buffer }) => buffer));
  return [...buffers].filter((buffer) => buffer instanceof ArrayBuffer);
}
