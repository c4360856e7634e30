/** Models by name and version, and what happens to one that breaks, with models that compute nothing. */

import { expect, test } from "vitest";
import type { ModelSpec } from "../../../src/node/serve/models/modelSpecs.js";
import type { ServedModel } from "../../../src/node/serve/models/openModel.js";
import { ModelRepository } from "../../../src/node/serve/models/repository.js";

const spec = (name: string, version: string): ModelSpec => ({ name, version, weights: `${name}.pt` });
const settled = (): Promise<void> => new Promise(setImmediate);

/** A repository whose models are opened by the test's own hand. */
function scripted(specs: readonly ModelSpec[]) {
  const opened: { readonly name: string; readonly breakIt: () => void; retired: boolean }[] = [];
  let refuse = false;
  const repository = new ModelRepository(specs, async (given, onBroken) => {
    if (refuse) throw new Error("no memory");
    const record = {
      name: `${given.name}@${given.version}`,
      breakIt: () => onBroken(new Error("the device is lost")),
      retired: false,
    };
    opened.push(record);
    const retire = async (): Promise<void> => {
      record.retired = true;
    };
    return { spec: given, retire, dispose: retire } as unknown as ServedModel;
  });
  return {
    repository,
    opened,
    refuseMore: (value: boolean): void => {
      refuse = value;
    },
  };
}

test("a request without a version gets the highest, by number", async () => {
  const { repository } = scripted([spec("a", "10"), spec("a", "9"), spec("b", "1")]);
  expect(() => repository.find("a")).toThrow(expect.objectContaining({ status: 503 }));
  await repository.loadAll();
  expect(repository.find(undefined).spec.version).toBe("10");
  expect(repository.find("a", "9").spec.version).toBe("9");
  expect(repository.versions("a")).toEqual(["9", "10"]);
  expect(() => repository.find("a", "1")).toThrow(expect.objectContaining({ status: 404 }));
  expect(() => repository.find("c")).toThrow(expect.objectContaining({ status: 404 }));
});

test("a broken model is not ready until it is reopened", async () => {
  const { repository, opened } = scripted([spec("a", "1")]);
  await repository.loadAll();
  expect(repository.ready).toBe(true);
  opened[0].breakIt();
  expect(repository.ready).toBe(false);
  expect(() => repository.find("a")).toThrow(expect.objectContaining({ status: 503 }));
  // Two batches of one model may fail.
  opened[0].breakIt();
  await settled();
  expect(opened).toHaveLength(2);
  expect(opened[0].retired).toBe(true);
  expect(repository.ready).toBe(true);
});

test("if it cannot be reopened, the index says why", async () => {
  const { repository, opened, refuseMore } = scripted([spec("a", "1")]);
  await repository.loadAll();
  refuseMore(true);
  opened[0].breakIt();
  await settled();
  expect(repository.index).toEqual([{ name: "a", version: "1", state: "UNAVAILABLE", reason: "no memory" }]);
  refuseMore(false);
  await repository.load("a");
  expect(repository.ready).toBe(true);
});

test("closing retires all models, including those being opened", async () => {
  const { repository, opened } = scripted([spec("a", "1"), spec("b", "1")]);
  await repository.loadAll();
  await Promise.all([repository.load("b"), repository.close()]);
  expect(opened.map(({ retired }) => retired)).toEqual([true, true, true]);
  expect(repository.ready).toBe(false);
});
