/** Callers in JavaScript give whatever they read from a page: options of a wrong type are an OptionError, never a TypeError. */

import { describe, expect, it } from "vitest";
import { displayWidth } from "../../src/cli/table.js";
import { OptionError } from "../../src/errors.js";
import { resolveOptions } from "../../src/yolov5/options.js";

describe("options of a wrong type", () => {
  it.each([
    [{ conf: "0.5" }, 'conf must be between 0 and 1, got "0.5"'],
    [{ iou: [0.5] }, "iou must be between 0 and 1, got <list of 1>"],
    [{ classes: 0 }, "classes must be a list of class indices"],
    [{ classes: "0" }, "classes must be a list of class indices"],
    [{ classes: ["0"] }, 'classes: "0" is not a class'],
    [{ maxDet: "10" }, 'maxDet must be a whole number of at least 1, got "10"'],
    [{ imgsz: "640" }, "imgsz must be one number or [height, width]"],
    [{ agnostic: "false" }, 'agnostic must be true or false, got "false"'],
  ])("%j", (options, message) => {
    const resolve = (): unknown => resolveOptions(options as never, { classes: 3 });
    expect(resolve).toThrow(OptionError);
    expect(resolve).toThrow(message);
  });
});

it("a long string is checked in linear time", () => {
  expect(displayWidth("a".repeat(200_000))).toBe(200_000);
});
