/** What a student learns, as one loss of its outputs: the maps of its head, those of its neck, and labels. */

import type { HeadMaps } from "../headMaps.js";
import { featureLoss, type Projection, projectionsOf } from "./features.js";
import { assertLearnable, labelLoss, type PlacedObjects } from "./labelLoss.js";
import { type Distillation, distillationLoss } from "./loss.js";
import type { RecoverOptions } from "./options.js";
import { assertSameHead } from "./sameHead.js";

type Maps = readonly Float32Array[];

export class Objective {
  private readonly shapes: readonly (readonly number[])[];
  /** How necks are compared; empty where they are not. */
  private readonly projections: readonly Projection[];
  /** Place of the neck's maps among the outputs. */
  private readonly neck: number;

  /** @throws UnsupportedError for networks that cannot be compared, or labels with a head without anchors; DatasetError for wrong labels. */
  constructor(
    teacher: HeadMaps,
    private readonly student: HeadMaps,
    private readonly options: Pick<RecoverOptions, "features" | "labels" | "pictures">,
  ) {
    assertSameHead(teacher, student);
    if (options.labels) assertLearnable(student.head, options.pictures);
    const shapesOf = ({ graph }: HeadMaps) => graph.outputs.map((id) => graph.values[id].shape);
    this.shapes = shapesOf(student);
    this.neck = this.shapes.length - student.neck.length;
    this.projections = projectionsOf(
      shapesOf(teacher).slice(this.neck),
      this.shapes.slice(this.neck),
      options.features?.kept,
    );
  }

  /** Of the head's maps alone: what is told of watched pictures. */
  distance(wanted: Maps, given: Maps): Distillation {
    return distillationLoss(this.student.head, this.shapes.slice(0, this.neck), wanted, given);
  }

  /** What a step minimises. */
  lossOf(wanted: Maps, given: Maps, objects: readonly PlacedObjects[]): Distillation {
    const { neck, shapes, projections, options } = this;
    const { head } = this.student;
    const { loss: distance, seeds } = this.distance(wanted, given);
    let loss = distance;
    if (options.features) {
      const [taught, own, ownSeeds] = [wanted, given, seeds].map((maps) => maps.slice(neck));
      loss += featureLoss(projections, shapes.slice(neck), taught, own, ownSeeds, options.features.weight);
    }
    if (options.labels && head.type === "detect") loss += labelLoss(head, shapes, objects, given, seeds);
    return { loss, seeds };
  }
}
