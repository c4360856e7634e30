/** Dawn's warnings are kept off standard error, and nothing else is. */

import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { invariant } from "../../src/errors.js";
import { openDescriptors, withoutWarnings } from "../../src/node/dawnOutput.js";
import { REPOSITORY } from "../support/reference.js";
import { webgpuOrSkip } from "../support/webgpu.js";

const WARNING =
  "Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.\n";

const descriptors = await openDescriptors();
if (!descriptors) console.warn("skipped: ffi-rs is not installed, or this is not Linux");
const folder = mkdtempSync(join(tmpdir(), "stderr-"));
const log = join(folder, "log");
const claimed = join(tmpdir(), `yolov5-ts-stderr-${process.pid}`);
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => writeFileSync(log, ""));

/** Runs `work` while standard error is a file, and returns what it contains then. */
function written(work: () => void): string {
  invariant(descriptors !== undefined, "no descriptors");
  const [file, original] = [openSync(log, "w"), descriptors.dup(2)];
  descriptors.dup2(file, 2);
  try {
    work();
  } finally {
    descriptors.dup2(original, 2);
    descriptors.close(original);
    closeSync(file);
  }
  return readFileSync(log, "utf8");
}

describe.skipIf(!descriptors)("withoutWarnings", () => {
  const quiet = (work: () => void): void => {
    invariant(descriptors !== undefined, "no descriptors");
    withoutWarnings(descriptors, work, (text) => writeSync(2, text));
  };

  test("drops the warnings and keeps everything around them in order", () => {
    const text = written(() => {
      writeSync(2, "before\n");
      quiet(() => writeSync(2, `${WARNING}driver: not conformant\n${WARNING}Error: no device\n`));
      writeSync(2, "after\n");
    });
    expect(text).toBe("before\ndriver: not conformant\nError: no device\nafter\n");
  });

  test("drops where in Dawn's code a warning came from, and nothing else that is indented", () => {
    const place = "    at CheckVkSuccessImpl (/dawn/src/dawn/native/vulkan/VulkanError.cpp:106)\n";
    const failed = "Warning: vkCreateInstance failed with VK_ERROR_INCOMPATIBLE_DRIVER\n";
    const text = written(() =>
      quiet(() => writeSync(2, `${failed}${place}${place}\n${WARNING}\n  indented\nError: lost\n${place}`)),
    );
    expect(text).toBe(`\n  indented\nError: lost\n${place}`);
  });

  test("restores the same open file, so that others who share its position do not overwrite it", () => {
    invariant(descriptors !== undefined, "no descriptors");
    const file = openSync(log, "w");
    const [shared, original] = [descriptors.dup(file), descriptors.dup(2)];
    descriptors.dup2(file, 2);
    for (const line of ["a\n", "b\n", "c\n"]) {
      quiet(() => writeSync(2, WARNING));
      writeSync(2, line);
      writeSync(shared, "-\n");
    }
    descriptors.dup2(original, 2);
    for (const descriptor of [file, shared, original]) descriptors.close(descriptor);
    expect(readFileSync(log, "utf8")).toBe("a\n-\nb\n-\nc\n-\n");
  });

  test("passes failures on, restores standard error, and leaves no file", () => {
    const text = written(() => {
      expect(() =>
        quiet(() => {
          writeSync(2, `${WARNING}why\n`);
          throw new Error("no driver");
        }),
      ).toThrow("no driver");
      writeSync(2, "after\n");
    });
    expect(text).toBe("why\nafter\n");
    expect(existsSync(claimed)).toBe(false);
  });

  test("does nothing while another thread has redirected standard error", () => {
    writeFileSync(claimed, "");
    try {
      expect(written(() => quiet(() => writeSync(2, WARNING)))).toBe(WARNING);
    } finally {
      rmSync(claimed);
    }
  });

  test("leaks no descriptors over many calls", () => {
    const next = (): number => {
      const file = openSync(log, "r");
      closeSync(file);
      return file;
    };
    const first = next();
    for (let i = 0; i < 50; i++) quiet(() => writeSync(2, WARNING));
    expect(next()).toBe(first);
  });
});

/** Built code, since threads need files of their own. */
const BUILT = join(REPOSITORY, "dist", "node.js");
const built = existsSync(BUILT);

describe.skipIf(!descriptors || !built || !(await webgpuOrSkip()))("models in short-lived threads", () => {
  const rounds = (how: string): { stdout: string; stderr: string; status: number | null } =>
    spawnSync(
      process.execPath,
      ["--input-type=module", "-e", `import { Worker } from "node:worker_threads";\n${how}`],
      {
        encoding: "utf8",
        env: { ...process.env, DEBUG: "" },
      },
    );
  const load = (options: string): string =>
    `const { load } = await import(${JSON.stringify(BUILT)}); const model = await load(undefined, ${options}); model.dispose();`;

  test("the engine's own threads: no output from Dawn, and the process survives", () => {
    const one = `{ ${load('{ backend: "webgpu" }')} }`;
    const { stderr, status } = rounds(one.repeat(3));
    expect([stderr, status]).toEqual(["", 0]);
  });

  test("the caller's threads: the process survives", () => {
    const program = JSON.stringify(`(async () => { ${load('{ backend: "webgpu", worker: false }')} })()`);
    const one = `await new Promise((resolve) => new Worker(${program}, { eval: true }).on("exit", resolve));`;
    expect(rounds(one.repeat(3)).status).toBe(0);
  });
});
