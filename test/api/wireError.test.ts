import { describe, expect, it } from "vitest";
import { fromWire, toWire } from "../../src/api/wireError.js";
import * as errors from "../../src/errors.js";

type Made = new (message: string, details?: object, options?: { cause?: unknown }) => errors.EngineError;

/** Every error class that the package exports, found where they are declared. */
const CLASSES = Object.entries<unknown>(errors).filter(
  (entry): entry is [string, Made] =>
    typeof entry[1] === "function" && entry[1].prototype instanceof errors.EngineError,
);

/** As the channel between two threads leaves it. */
function sent(error: unknown): Error {
  return fromWire(structuredClone(toWire(error)));
}

describe("errors sent between threads", () => {
  it("cover every error class of the package", () => {
    expect(CLASSES.length).toBeGreaterThanOrEqual(19);
    expect(CLASSES.map(([name]) => name)).toEqual(expect.arrayContaining(["LimitError", "PrecisionError"]));
  });

  it.each(CLASSES)("%s comes back as it was thrown", (name, Class) => {
    const thrown = new Class("input 3 must be 4", { input: 3, shape: [1, 2] });
    expect(thrown.name).toBe(name);
    const back = sent(thrown) as errors.EngineError;
    expect(back.constructor).toBe(Class);
    const { message, code, details } = thrown;
    expect(back).toMatchObject({ name, message, code, details });
  });

  it("keep their causes", () => {
    const cause = new errors.LimitError("9 GB", { bytes: 9e9 }, { cause: new RangeError("array length") });
    const back = sent(new errors.DownloadError("no model", {}, { cause }));
    expect(back.cause).toBeInstanceOf(errors.LimitError);
    expect(back.cause).toMatchObject({ message: "9 GB", details: { bytes: 9e9 } });
    expect((back.cause as Error).cause).toBeInstanceOf(RangeError);
  });

  it("cut off circular causes", () => {
    const error = new Error("round");
    error.cause = error;
    expect(sent(error).message).toBe("round");
  });

  it("drop only the values that cannot be sent", () => {
    const thrown = new errors.ShapeError("wrong", { rows: 3, act: () => undefined });
    expect(sent(thrown)).toMatchObject({ details: { rows: 3 } });
  });

  it.each([TypeError, RangeError, SyntaxError])("%o comes back as it was thrown", (Class) => {
    const back = sent(new Class("no"));
    expect(back.constructor).toBe(Class);
    expect(back.message).toBe("no");
  });

  it("stay DOMExceptions if they were", () => {
    const back = sent(new DOMException("given up", "AbortError"));
    expect(back).toBeInstanceOf(DOMException);
    expect(back).toMatchObject({ name: "AbortError", message: "given up" });
  });

  it.each(["stop", undefined, 3])("become errors if %o was thrown", (thrown) => {
    expect(sent(thrown).message).toBe(String(thrown));
  });
});
