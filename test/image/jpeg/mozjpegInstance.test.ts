/** One instance of mozjpeg decodes many pictures, and none of them leaves anything behind. */

import { beforeAll, describe, expect, it, vi } from "vitest";
import { encodeJpeg } from "../../../src/image/index.js";
import { Mozjpeg } from "../../../src/image/jpeg/mozjpegInstance.js";
import * as embedded from "../../../src/image/jpeg/mozjpegWasm.generated.js";
import { decodePlain } from "../../../src/image/jpeg/plainDecoder.js";
import { DecodeBudget } from "../../../src/image/limits.js";
import { noise, sha256 } from "../support.js";

const ANY = new DecodeBudget("test");

/** The instances that are made while `work` runs. */
async function instancesOf(work: () => Promise<void>): Promise<WebAssembly.Instance[]> {
  const made: WebAssembly.Instance[] = [];
  const { Instance } = WebAssembly;
  class Watched extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      made.push(this);
    }
  }
  vi.spyOn(WebAssembly, "Instance", "get").mockReturnValue(Watched);
  try {
    await work();
  } finally {
    vi.restoreAllMocks();
  }
  return made;
}

const file = (width: number, height: number, seed: number) => encodeJpeg(noise(width, height, seed), 90);
const cut = (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 2);

/** All that a picture could change. */
function stateOf({ exports }: WebAssembly.Instance) {
  const values = Object.values(exports);
  const [memory] = values.filter((value) => value instanceof WebAssembly.Memory);
  const bytes = new Uint8Array(memory.buffer);
  // Memory that has grown is longer, and must be empty there.
  const kept = bytes.findLastIndex((byte) => byte !== 0) + 1;
  return {
    memory: sha256(bytes.slice(0, kept)),
    globals: values.flatMap((value) => (value instanceof WebAssembly.Global ? [value.value as number] : [])),
  };
}

// The encoder has an instance of its own.
beforeAll(() => void file(8, 8, 0));

describe("an instance of mozjpeg", () => {
  it("decodes one picture after the other as the plain decoder does", async () => {
    const decoder = new Mozjpeg(embedded);
    const made = await instancesOf(async () => {
      for (const bytes of [file(64, 48, 1), file(700, 500, 2), file(9, 7, 3), file(64, 48, 4)]) {
        const { image, warned } = await decoder.decode(bytes, ANY);
        expect(warned).toBe(false);
        expect(image).toEqual(decodePlain(bytes, ANY));
      }
    });
    expect(made.length).toBe(1);
  });

  it("is as new after each picture, damaged ones too", async () => {
    const states: ReturnType<typeof stateOf>[] = [];
    for (const files of [[file(8, 8, 1)], [file(700, 500, 2)], [cut(file(64, 48, 3)), file(30, 40, 4)]]) {
      const decoder = new Mozjpeg(embedded);
      const [instance] = await instancesOf(async () => {
        for (const bytes of files) await decoder.decode(bytes, ANY);
      });
      states.push(stateOf(instance));
    }
    expect(states[0].globals.length).toBeGreaterThan(0);
    for (const state of states) expect(state).toEqual(states[0]);
  });

  it("restores globals that a picture has changed", async () => {
    const decoder = new Mozjpeg(embedded);
    const [instance] = await instancesOf(async () => {
      await decoder.decode(file(8, 8, 1), ANY);
    });
    const stack = Object.values(instance.exports).find(
      (value): value is WebAssembly.Global => value instanceof WebAssembly.Global,
    );
    const { value } = stack ?? {};
    // Half of the stack is enough for a picture, which cannot put the pointer back where it has never been.
    if (stack) stack.value = (value as number) - 2 ** 14;
    await decoder.decode(file(8, 8, 2), ANY);
    expect(value).toBeGreaterThan(2 ** 15);
    expect(stack?.value).toBe(value);
  });

  it("is thrown away when it has failed or grown large", async () => {
    const decoder = new Mozjpeg(embedded);
    const made = await instancesOf(async () => {
      const refused = await decoder.decode(Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), ANY);
      expect(refused.image).toBeUndefined();
      await decoder.decode(file(8, 8, 1), ANY);
      const grey = { width: 3300, height: 3000, data: new Uint8Array(3300 * 3000 * 3).fill(99) };
      const large = await decoder.decode(encodeJpeg(grey), ANY);
      expect(large.image?.width).toBe(3300);
      await decoder.decode(file(8, 8, 1), ANY);
    });
    expect(made.length).toBe(3);
  });

  it("takes no more pixels than the budget allows, whatever the header says", async () => {
    const small = new DecodeBudget("test", { maxPixels: 100 });
    const { image, warned } = await new Mozjpeg(embedded).decode(file(64, 48, 1), small);
    expect(image).toBeUndefined();
    expect(warned).toBe(true);
  });
});
