/** Values that `tap` reads: executables beside the usual one that keep them. */

import type { Pieces } from "../breathe.js";
import type { Graph, ValueId } from "../ops/index.js";
import type { Executable } from "./backend.js";

/** The graph after `passes`, which neither drop nor fuse away the values in `keep`. */
export function* passesThatKeep(
  graph: Graph,
  keep: ReadonlySet<ValueId>,
  passes: (graph: Graph) => Pieces<Graph>,
): Pieces<Graph> {
  const { outputs } = graph;
  if (keep.size === 0) return yield* passes(graph);
  return { ...(yield* passes({ ...graph, outputs: [...new Set([...outputs, ...keep])] })), outputs };
}

/** Compiles an executable that keeps the values of certain names on first request. */
export class TapTwins<E extends Executable> {
  private readonly compile: (names: readonly string[]) => Promise<E>;
  private readonly twins: { readonly names: ReadonlySet<string>; readonly executable: Promise<E> }[] = [];

  constructor(compile: (names: readonly string[]) => Promise<E>) {
    this.compile = compile;
  }

  /** One that keeps these names. Others stay as they are: calls may be on their way on them. */
  keeping(names: readonly string[]): Promise<E> {
    const known = this.twins.find((twin) => names.every((name) => twin.names.has(name)));
    if (known) return known.executable;
    const made = { names: new Set(names), executable: this.compile(names) };
    this.twins.push(made);
    // One that did not compile must not stay.
    made.executable.catch(() => this.twins.splice(this.twins.indexOf(made), 1));
    return made.executable;
  }

  dispose(): void {
    for (const { executable } of this.twins) {
      executable.then(
        (twin) => twin.dispose(),
        () => undefined,
      );
    }
  }
}
