/**
 * Accuracy back by distillation, without labels or with them in addition (Hinton et al. 2015): the student learns to give its
 * teacher's head maps on the user's own pictures. Adam with warm-up and cosine schedule, clipped gradients, and a moving average of the weights, which is
 * what is measured on watched pictures and kept.
 */

import { Breather } from "../../breathe.js";
import { DatasetError } from "../../errors.js";
import type { Executable } from "../../runtime/backend.js";
import type { Trainer } from "../../runtime/trainer.js";
import { tensor, toFloat32 } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { type HeadMaps, headMaps } from "../headMaps.js";
import { inFloat32 } from "../prune/moduleTensors.js";
import { adamWState, adamWStep, globalNorm, relativeRates, zeroPlaces } from "./adamw.js";
import { closestPoint, withRoundedWeights } from "./int8.js";
import { Objective } from "./objective.js";
import type { Recovered, RecoverOptions } from "./options.js";
import { TrainingPictures } from "./pictures.js";
import { type CurvePoint, keptPoint, readState, type TrainingState, writeState } from "./state.js";
import { type Student, studentOf } from "./student.js";

/** Pictures of a step, and the side of its inputs: the sizes at which two cores train best. */
const BATCH = 4;
const SIZE = 320;
const SETTINGS = { beta1: 0.9, beta2: 0.99, epsilon: 1e-10, weightDecay: 0 } as const;
const LEARNING_RATE = 2e-3;
/** Share of the steps in which the rate rises, and what is left of it at the end. */
const WARM_UP = 0.05;
const LAST_RATE = 0.02;
const LARGEST_NORM = 10;
const AVERAGE = 0.98;
/** Looks at watched pictures in a run, and how many in a row that are worse than the start end it. */
const LOOKS = 16;
const LEAST_STEPS_PER_LOOK = 20;
const PATIENCE = 8;
/** Of the run; before, the rate is so high that a network that will end well may look bad. */
const LEAST_PROGRESS = 0.75;
/** Seconds between two states. */
const STATE_SECONDS = 60;

/**
 * Trains a student. Weights of convolutions that are zero stay zero, so whatever pattern pruning has left is kept.
 * @returns its tree with the weights of the curve's `keptPoint`
 * @throws UnsupportedError for networks without boxes, with heads that differ, or with an op that has no gradient, and for labels
 *   with a head without anchors; DatasetError without pictures; the signal's reason where it is aborted, after `onState`.
 */
export async function recover(teacher: ModuleNode, student: ModuleNode, options: RecoverOptions): Promise<Recovered> {
  if (options.pictures.length === 0) throw new DatasetError("recover: needs at least one picture");
  const size = Math.min(SIZE, options.imgsz);
  const shape = [BATCH, 3, size, size] as const;
  const { rounding } = options;
  const asked = { neck: options.features !== undefined };
  // Rounded to float16, trained weights would take other steps of int8.
  const start = rounding ? inFloat32(student) : student;
  const own = studentOf(start, shape, { ...asked, rounded: rounding?.inputs });
  const maps = headMaps(teacher, shape, asked);
  const objective = new Objective(maps, own, options);
  const executable = await options.backend.compile(maps.graph);
  try {
    const opened = await options.openTrainer(own.training);
    try {
      const trainer = rounding ? await withRoundedWeights(opened, rounding.weights) : opened;
      const trained = await new Recovery(own, maps, objective, executable, trainer, size, options).run();
      return trained.kept === trained.curve[0] ? { ...trained, module: student } : trained;
    } finally {
      opened.dispose();
    }
  } finally {
    executable.dispose();
  }
}

/** Tells networks apart. */
const sumOf = (tensors: readonly Float32Array[]): number =>
  tensors.reduce((sum, data) => sum + data.reduce((a, b) => a + b, 0), 0);

class Recovery {
  private readonly state: TrainingState;
  private readonly pictures: TrainingPictures;
  private readonly identity: string;
  private readonly rates: readonly number[];
  /** Places of weights that are zero and stay so: pruning put them there. */
  private readonly zeros: readonly Uint32Array[];
  private watched: { readonly input: Float32Array; readonly wanted: readonly Float32Array[] }[] = [];
  private started = 0;

  constructor(
    private readonly student: Student,
    taught: HeadMaps,
    private readonly objective: Objective,
    private readonly teacher: Executable,
    private readonly trainer: Trainer,
    private readonly size: number,
    private readonly options: RecoverOptions,
  ) {
    const weights = trainer.parameters.map(({ data }) => data);
    this.rates = relativeRates(trainer.parameters);
    this.zeros = zeroPlaces(trainer.parameters);
    this.state = {
      weights,
      optimiser: adamWState(trainer.parameters),
      best: weights.map((data) => data.slice()),
      curve: [],
      pending: [0, 0],
      seconds: 0,
    };
    this.pictures = new TrainingPictures(options.pictures, options);
    this.identity = JSON.stringify({
      parameters: trainer.parameters.map(({ name, shape }) => [name, shape]),
      weights: sumOf(weights),
      teacher: sumOf([...taught.graph.constants.values()].map((constant) => toFloat32(constant).data)),
      pictures: options.pictures.map(({ name }) => name),
      labels: options.labels ? options.pictures.map(({ truth }) => sumOf(truth ? [truth.boxes] : [])) : undefined,
      limit: "steps" in options.limit ? options.limit : {},
      features: options.features?.weight,
      imgsz: options.imgsz,
      rate: this.rate,
      seed: this.seed,
      ...(options.rounding ? { rounding: [...options.rounding.inputs] } : {}),
    });
  }

  private get seed(): number {
    return this.options.seed ?? 0;
  }

  private get rate(): number {
    return this.options.learningRate ?? LEARNING_RATE;
  }

  async run(): Promise<Recovered> {
    const { state, options } = this;
    const { signal, onState } = options;
    if (options.saved) {
      readState(options.saved, state, this.identity);
      await this.trainer.update();
    }
    this.started = performance.now() - state.seconds * 1000;
    for (const input of await this.pictures.watchedBatches(BATCH, this.size)) {
      this.watched.push({ input, wanted: await this.teach(input) });
    }
    if (state.curve.length === 0) await this.look();
    const breather = new Breather();
    let saved = performance.now();
    const save = async (): Promise<void> => {
      state.seconds = this.seconds;
      await onState?.(
        () => writeState(state, this.identity),
        () => this.moduleOf(state.best),
      );
      saved = performance.now();
    };
    while (this.progress() < 1 && !this.exhausted()) {
      if (signal?.aborted) {
        await save();
        signal.throwIfAborted();
      }
      const loss = await this.step();
      state.pending = [state.pending[0] + loss, state.pending[1] + 1];
      if (state.pending[1] >= this.stepsPerLook()) await this.look();
      if (performance.now() - saved > STATE_SECONDS * 1000) await save();
      this.tell(loss);
      await breather.rest();
    }
    if (state.pending[1] > 0) await this.look();
    this.tell(state.curve[state.curve.length - 1].loss);
    await save();
    const { trained, watched } = this.pictures;
    return {
      module: this.moduleOf(state.best),
      kept: this.kept,
      curve: state.curve,
      steps: state.optimiser.steps,
      seconds: this.seconds,
      pictures: { trained: trained.length, watched: watched.length },
    };
  }

  private tell(loss: number): void {
    const { optimiser, curve } = this.state;
    const { steps } = optimiser;
    const total = Math.max(steps, this.total());
    const secondsLeft = (this.seconds / Math.max(1, steps)) * (total - steps);
    this.options.onProgress?.({ step: steps, steps: total, loss, last: curve[curve.length - 1], secondsLeft });
  }

  private get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }

  /** From 0 to 1. */
  private progress(): number {
    const { limit } = this.options;
    return "steps" in limit ? this.state.optimiser.steps / limit.steps : this.seconds / (60 * limit.minutes);
  }

  private total(): number {
    const { limit } = this.options;
    const { steps } = this.state.optimiser;
    return "steps" in limit ? limit.steps : Math.round(steps / Math.max(1e-9, this.progress()));
  }

  private stepsPerLook(): number {
    return Math.max(LEAST_STEPS_PER_LOOK, Math.ceil(this.total() / LOOKS));
  }

  /** Only right after a look: so a run that has ended is found to have ended when it is read again. */
  private exhausted(): boolean {
    const { curve, pending } = this.state;
    if (pending[1] > 0) return false;
    return this.progress() > LEAST_PROGRESS && curve.length - 1 - curve.indexOf(this.kept) >= PATIENCE;
  }

  private async teach(input: Float32Array): Promise<readonly Float32Array[]> {
    const { size } = this;
    const outputs = await this.teacher.run([tensor("float32", [BATCH, 3, size, size], input)]);
    return outputs.map(({ data }) => data as Float32Array);
  }

  /** @returns the loss before the step */
  private async step(): Promise<number> {
    const { state, trainer } = this;
    const { input, objects } = await this.pictures.batch(state.optimiser.steps, this.seed, BATCH, this.size);
    const wanted = await this.teach(input);
    const given = await trainer.forward([input]);
    const { loss, seeds } = this.objective.lossOf(wanted, given, objects);
    const gradients = await trainer.backward(seeds);
    // Without a gradient ever, Adam leaves them where they are.
    for (const [k, places] of this.zeros.entries()) for (const place of places) gradients[k][place] = 0;
    const norm = globalNorm(gradients);
    const progress = Math.min(1, this.progress());
    const warm = Math.min(1, (progress + 1e-3) / WARM_UP);
    const cosine = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + Math.cos(Math.PI * progress));
    adamWStep(trainer.parameters, gradients, state.optimiser, SETTINGS, {
      learningRate: this.rate * warm * cosine,
      scale: norm > LARGEST_NORM ? LARGEST_NORM / norm : 1,
      average: Math.min(AVERAGE, state.optimiser.steps / (state.optimiser.steps + 10)),
      rates: this.rates,
    });
    await trainer.update();
    return loss;
  }

  /** Measures the moving averages on watched pictures. */
  private async look(): Promise<void> {
    const { state, trainer } = this;
    const own = state.weights.map((data) => data.slice());
    const averages = state.optimiser.steps === 0 ? own : state.optimiser.averages;
    const use = async (weights: readonly Float32Array[]): Promise<void> => {
      for (const [i, data] of state.weights.entries()) data.set(weights[i]);
      await trainer.update();
    };
    await use(averages);
    let distance = 0;
    for (const { input, wanted } of this.watched) {
      const given = await trainer.forward([input]);
      distance += this.objective.distance(wanted, given).loss / this.watched.length;
    }
    await use(own);
    const [sum, count] = state.pending;
    const agreement = await this.options.agreement?.(this.moduleOf(averages));
    const point = {
      step: state.optimiser.steps,
      loss: count > 0 ? sum / count : distance,
      distance,
      ...(agreement === undefined ? {} : { agreement }),
    };
    state.curve.push(point);
    if (this.kept === point) for (const [i, data] of state.best.entries()) data.set(averages[i]);
    state.pending = [0, 0];
  }

  private get kept(): CurvePoint {
    const { curve } = this.state;
    return this.options.rounding ? closestPoint(curve) : keptPoint(curve);
  }

  private moduleOf(weights: readonly Float32Array[]): ModuleNode {
    const names = this.trainer.parameters.map(({ name }) => name);
    return this.student.withWeights(new Map(names.map((name, i) => [name, weights[i]])));
  }
}
