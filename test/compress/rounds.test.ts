/** `compress --recover-rounds`: amounts, rows and curve of every round, and what an interruption leaves in each. */

import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { CompressFlags } from "../../src/cli/compress/flags.js";
import { Rounds } from "../../src/cli/compress/rounds.js";
import { type CurvePoint, keptPoint } from "../../src/compress/recover/state.js";
import { learningCurveSpecs } from "../../src/compress/report/learningCurve.js";
import { cli, EXAMPLE, scratchFolder } from "../cli/support.js";
import { referencePath } from "../support/reference.js";

const folder = await scratchFolder();
const path = (name: string): string => join(folder, name);
const pictures = path("pictures.txt");
const crops = referencePath("weights", "crops.pt");
const cropPictures = referencePath("images", "crops_test", "images");

beforeAll(async () => {
  for (const name of ["a", "b"]) await cp(EXAMPLE, path(`${name}.png`));
  await writeFile(path("a.txt"), "0 0.5 0.5 0.2 0.2\n");
  await writeFile(pictures, `${path("a.png")}\n${path("b.png")}\n`);
  if (!cropPictures) return;
  const names = (await readdir(cropPictures)).sort().filter((_, i) => i % 13 === 0);
  await writeFile(path("crops.txt"), names.map((name) => join(cropPictures, name)).join("\n"));
});

const command = (weights: string, data: string, ...more: string[]) => [
  ...["compress", "--weights", weights, "--data", data, "--round", "4", "--recover"],
  ...["--backend", "wasm", "--threads", "1", "--iterations", "1", ...more],
];

interface Json {
  readonly rows: readonly { readonly name: string; readonly parameters: number; readonly gflops: number }[];
  readonly recovery: { readonly steps: number; readonly curve: readonly CurvePoint[] };
}
const jsonOf = async (name: string): Promise<Json> => JSON.parse(await readFile(path(name), "utf8")) as Json;

describe("rounds", () => {
  test.each([
    ["--target-flops", "0.7"],
    ["--prune", "0.3"],
  ])("%s %s is reached in equal parts, each trained with its part of the steps", async (goal, amount) => {
    const files = ["--json", path("out.json"), "--report", path(`out${goal}.html`)];
    const how = ["--imgsz", "64", "--criterion", "l1", "--recover-rounds", "3", "--recover-features", "0.1"];
    const run = command("codes", pictures, goal, amount, ...how, "--recover-steps", "8");
    const { code, stdout, stderr } = await cli([...run, ...files]);
    expect([code, stderr]).toEqual([0, ""]);
    const found = [
      ...stdout.matchAll(/Pruned, round \d of 3: ([\d.]+) % of the channels removed, ([\d.]+) % of the op/g),
    ];
    const shares = found.map(([, channels, operations]) =>
      goal === "--prune" ? Number(channels) : 100 - Number(operations),
    );
    expect(shares.map((share) => Math.round(share / 10))).toEqual([1, 2, 3]);
    expect(stdout).toMatch(/Recovered, round 2 of 3: 3 steps in/);
    expect(stdout.match(/none is held out/g)).toHaveLength(1);
    const { rows, recovery } = await jsonOf("out.json");
    const names = rows.slice(1).map(({ name }) => name.replace(/[\d.]+ %/, "x %"));
    expect(names).toEqual(
      [1, 2, 3].flatMap((n) => ["pruned x %", "+ re-estimated", "+ recovered"].map((name) => `round ${n}: ${name}`)),
    );
    const [original, last] = [rows[0], rows[rows.length - 1]];
    expect(last.gflops / original.gflops).toBeCloseTo(Number(found[2][2]) / 100, 2);
    expect(recovery.curve.map(({ round, step }) => [round, step])).toEqual([
      ...[
        [1, 0],
        [1, 2],
        [2, 2],
        [2, 5],
        [3, 5],
        [3, 8],
      ],
    ]);
    expect(recovery.steps).toBe(8);
    expect(await readFile(path(`out${goal}.html`), "utf8")).toMatch(/dashed: steps \d, \d, \d: kept/);
  });

  test("channels are those of the unpruned network after each", () => {
    const rounds = new Rounds({ prune: 0.4, recoverRounds: 2, recoverSteps: 9 } as CompressFlags);
    expect([rounds.keptOf, rounds.goal(), rounds.training().steps]).toEqual([undefined, { prune: 0.2 }, 4]);
    rounds.pruned({ removed: 0.25, flopsRatio: 0.8, keptOf: () => [0, 2, 3] });
    expect(rounds.keptOf?.(7)).toEqual([0, 2, 3]);
    rounds.round++;
    expect(rounds.goal().prune).toBeCloseTo(0.2);
    rounds.pruned({ removed: 0.2, flopsRatio: 0.5, keptOf: () => [1, 2] });
    expect(rounds.keptOf?.(7)).toEqual([2, 3]);
    expect([rounds.removed, rounds.operations]).toEqual([expect.closeTo(0.4), expect.closeTo(0.4)]);
    expect(rounds.training().steps).toBe(5);
  });

  test("the report marks the kept step of every round", () => {
    const point = (round: number, step: number, distance: number): CurvePoint => ({ round, step, loss: 1, distance });
    const curve = [point(1, 0, 1), point(1, 4, 0.5), point(2, 4, 0.7), point(2, 8, 0.9)];
    const [spec] = learningCurveSpecs(curve);
    expect(spec.title).toMatchObject({ subtitle: "dashed: steps 4, 4: kept" });
    expect(keptPoint(curve).step).toBe(8);
  });
});

describe.runIf(crops && cropPictures)("a run of a real checkpoint that is interrupted", () => {
  const run = (output: string, ...more: string[]) => {
    const how = ["--imgsz", "128", "--target-flops", "0.6", "--criterion", "l1", "--recover-rounds", "2", ...more];
    return command(crops as string, path("crops.txt"), ...how, "--recover-steps", "48", "--output", path(output));
  };
  const endedAt = async (words: RegExp, argv: readonly string[]) => {
    const controller = new AbortController();
    const onStdout = (text: string): void => {
      if (words.test(text)) controller.abort();
    };
    const ended = await cli(argv, { signal: controller.signal, onStdout });
    expect(ended.code).toBe(130);
    return ended.stdout;
  };

  test("in round 2 goes on there to the weights of an undisturbed one", async () => {
    expect((await cli(run("whole.safetensors"))).code).toBe(0);
    const state = ["--recover-state", path("run.state")];
    let round = 0;
    const controller = new AbortController();
    const onStdout = (text: string): void => {
      if (/Pruned, round 2/.test(text)) round = 2;
      if (round === 2 && /step 20:/.test(text)) controller.abort();
    };
    const ended = await cli(run("parts.safetensors", ...state), { signal: controller.signal, onStdout });
    expect([ended.code, ended.stdout]).toEqual([130, expect.stringContaining(`${path("parts.safetensors")}\n`)]);
    const whole = await readFile(path("whole.safetensors"));
    expect(whole.equals(await readFile(path("parts.safetensors")))).toBe(false);
    const resumed = await cli(run("parts.safetensors", ...state, "--json", path("parts.json")));
    expect(resumed.code).toBe(0);
    // Nothing of round 1 is trained again.
    expect(resumed.stdout.match(/step \d+:/g)).toEqual(["step 24:", "step 20:", "step 24:"]);
    expect(whole.equals(await readFile(path("parts.safetensors")))).toBe(true);
    expect((await jsonOf("parts.json")).recovery.curve.map(({ step }) => step)).toEqual([0, 20, 24, 24, 44, 48]);
    const other = await cli(run("other.safetensors", ...state, "--imgsz", "64"));
    expect(other.stderr).toMatch(/run\.state: is the training state of another run/);
  });

  test.each([
    ["in the training of round 1", /step 0:/],
    ["between the rounds", /Recovered, round 1/],
  ])("%s keeps what is trained, and says what is left to prune", async (_, words) => {
    const stdout = await endedAt(words, run("early.safetensors"));
    expect(stdout).toMatch(
      /early\.safetensors, of round 1 of 2, so (79|80)\.\d % of the operations are left; compress --target-flops 0\.7\d+ prunes the rest of it\n/,
    );
    const rest = /--target-flops ([\d.]+) prunes/.exec(stdout)?.[1] as string;
    const { code, stdout: said } = await cli([
      ...[
        "compress",
        "--weights",
        path("early.safetensors"),
        "--data",
        path("crops.txt"),
        "--imgsz",
        "96",
        "--backend",
        "wasm",
      ],
      ...["--target-flops", rest, "--criterion", "l1", "--iterations", "1", "--json", path("rest.json")],
    ]);
    expect([code, said]).toEqual([0, expect.stringMatching(/7\d\.\d % of the operations left/)]);
  });
});

test.each([
  [["--prune", "0.1"], /need --recover/],
  [["--unstructured", "0.5", "--recover"], /give --prune or --target-flops/],
  [["--max-drop", "2", "--recover"], /give --prune or --target-flops/],
  [["--prune", "0.1", "--recover", "--recover-steps", "2"], /--recover-steps 2 cannot be shared by 3 rounds/],
])("%j --recover-rounds 3 is refused", async (flags, message) => {
  const { code, stderr } = await cli([
    "compress",
    "--data",
    pictures,
    "--weights",
    "codes",
    ...flags,
    "--recover-rounds",
    "3",
  ]);
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
});
