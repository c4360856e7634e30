/** The models of a server, with their names and versions. */

import { nameOfAddress } from "../../../api/address.js";
import { EMBEDDED_MODEL } from "../../../api/names.js";
import type { WeightSource } from "../../../api/sources.js";
import { OptionError } from "../../../errors.js";
import { shown } from "../../../yolov5/calls/checks.js";
import { addressIn } from "../../../yolov5/input/given.js";
import type { ServedModelSource, ServeOptions } from "../options.js";

export interface ModelSpec {
  readonly name: string;
  readonly version: string;
  readonly weights: WeightSource;
}

const NAME = /^[\w.-]{1,100}$/;
/** A number, as Triton's are: requests without one get the highest. */
const VERSION = /^[1-9]\d{0,8}$/;

/** @throws OptionError for names that are not words, versions that are not numbers, and for two models of one name and version. */
export function modelSpecs(models: ServeOptions["models"] = EMBEDDED_MODEL): readonly ModelSpec[] {
  const list = Array.isArray(models) ? models : [models];
  if (list.length === 0) throw new OptionError("models: a server needs at least one model");
  const specs = list.map(specOf);
  const seen = new Set<string>();
  for (const { name, version } of specs) {
    const key = `${name} ${version}`;
    if (seen.has(key)) {
      throw new OptionError(
        `two models have the name ${name} and the version ${version}; give one of them another name or version`,
      );
    }
    seen.add(key);
  }
  return specs;
}

function specOf(given: WeightSource | ServedModelSource): ModelSpec {
  const source: ServedModelSource =
    typeof given === "object" && given !== null && "weights" in given ? given : { weights: given as WeightSource };
  const { weights, version = "1" } = source;
  const name = source.name ?? nameOf(weights);
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new OptionError(
      `the name of a model must be letters, digits, ".", "_" and "-", at most 100, got ${shown(name)}`,
    );
  }
  if (typeof version !== "string" || !VERSION.test(version)) {
    throw new OptionError(`the version of model ${name} must be a whole number from 1, as text, got ${shown(version)}`);
  }
  return { name, version, weights };
}

/** `runs/best.pt` → `best`; `random:yolov5s` → `yolov5s`; `model` if there is no name. */
function nameOf(weights: WeightSource): string {
  const address = addressIn(weights);
  const file = address === undefined ? (weights as { name?: unknown }).name : nameOfAddress(address);
  if (typeof file !== "string") return "model";
  const base = (
    file
      .replace(/[?#].*$/, "")
      .split(/[/\\]/)
      .at(-1) ?? ""
  ).replace(/\.[^.]+$/, "");
  const word = base
    .replace(/^random:/, "")
    .replace(/[^\w.-]+/g, "-")
    .slice(0, 100);
  return word === "" ? "model" : word;
}

/**
 * A value of `--weights`: `FILE`, `NAME=FILE` or `NAME@VERSION=FILE`. A path with `=` is written `./a=b.pt`.
 */
export function parseModelWord(word: string): ServedModelSource {
  const named = /^([\w.-]+)(?:@([\w.-]+))?=(.+)$/.exec(word);
  if (!named) return { weights: word };
  const [, name, version, weights] = named;
  return { name, version, weights };
}
