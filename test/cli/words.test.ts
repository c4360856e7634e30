/** Tables, texts and warnings. */

import { expect, test } from "vitest";
import { type Shown, Summary, shownOf } from "../../src/cli/detect/summary.js";
import { errorLine, exitCodeOf, InterruptedError, UsageError } from "../../src/cli/errors.js";
import { Output } from "../../src/cli/output.js";
import { displayWidth, grouped, megabytes, tableLines } from "../../src/cli/table.js";
import { CheckpointError, OptionError } from "../../src/errors.js";
import { type Detection, DetectionResult } from "../../src/yolov5/output/results.js";

test("columns are aligned, also with wide characters", () => {
  expect(displayWidth("人ab")).toBe(4);
  expect(displayWidth("e\u0301")).toBe(1);
  expect(displayWidth("🚌")).toBe(2);
  const lines = tableLines(
    [{ title: "class" }, { title: "n", right: true }],
    [
      ["人", "1"],
      ["person", "12"],
    ],
  );
  expect(lines).toEqual(["class    n", "──────  ──", "人       1", "person  12"]);
});

test("numbers are formatted for reading", () => {
  expect(grouped(1872157)).toBe("1,872,157");
  const numbers = [0, 999, 1000, 12_345.6, 999_999.5, -1234567, 1e15, Number.NaN];
  for (const number of numbers) expect(grouped(number)).toBe(Math.round(number).toLocaleString("en-US"));
  expect(megabytes(4062133)).toBe("4.1 MB");
  expect(megabytes(930)).toBe("1 kB");
});

test("errors are one line, with their exit codes", () => {
  expect(errorLine(new CheckpointError("x.pt: is\n  two lines"))).toBe("x.pt: is two lines");
  expect(errorLine(new TypeError("no function"))).toMatch(/^internal error: no function; .*DEBUG=1/);
  expect(errorLine(Object.assign(new Error("x"), { code: "ENOSPC", syscall: "write", path: "/a" }))).toBe(
    "/a: no space left on the device",
  );
  expect(exitCodeOf(new UsageError("x"))).toBe(2);
  expect(exitCodeOf(new OptionError("x"))).toBe(2);
  expect(exitCodeOf(new CheckpointError("x"))).toBe(1);
  expect(exitCodeOf(new InterruptedError())).toBe(130);
});

test("a warning is printed once", () => {
  let text = "";
  const stream = {
    write: (part: string) => {
      text += part;
    },
  };
  const output = new Output({ stdout: stream, stderr: stream, env: {}, signal: new AbortController().signal });
  output.warn("imgsz");
  output.warn("imgsz");
  expect(text).toBe("warning: imgsz\n");
});

function result(source: string, count: number): Shown {
  const facts = { source, width: 10, height: 10, input: [1, 3, 32, 32], names: ["a", "b"] };
  const detections = Array.from({ length: count }, (_, i) => ({
    xmin: 0,
    ymin: 0,
    xmax: 5,
    ymax: 5,
    confidence: 0.9 - i / 100,
    class: i % 2,
    name: facts.names[i % 2],
  }));
  return shownOf(
    new DetectionResult<Detection>({ ...facts, speed: { preprocess: 1, inference: 2, postprocess: 3 } }, detections),
  );
}

test("the table has one row per box, or per class if there are many", () => {
  const few = new Summary();
  few.add(result("/p/x.jpg", 3));
  expect(few.lines()).toHaveLength(5);
  expect(few.lines()[2]).toMatch(/^x\.jpg +a +0\.900 +0\.0 +0\.0 +5\.0 +5\.0$/);

  const many = new Summary();
  for (const name of ["x.jpg", "y.jpg"]) many.add(result(name, 30));
  expect(many.lines()).toHaveLength(4);
  expect(many.lines()[2]).toMatch(/^a +30 +2 +0\.620 +0\.900$/);

  const nothing = new Summary();
  nothing.add(result("x.jpg", 0));
  expect(nothing.lines()).toEqual(["Nothing found."]);
  expect(new Summary().lines()).toEqual([]);
});

test("tables are not built if they are not shown", () => {
  let text = "";
  const stream = {
    write: (part: string) => {
      text += part;
    },
  };
  const io = { stdout: stream, stderr: stream, env: {}, signal: new AbortController().signal };
  new Output(io, { quiet: true }).lines(() => expect.unreachable("a table that is not shown"));
  expect(text).toBe("");
  new Output(io).lines(() => ["a", "b"]);
  expect(text).toBe("a\nb\n");
});
