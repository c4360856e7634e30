/** Workers that hold the same model: each request goes to the one that has the least to do. */

import type { Connection } from "./connection.js";

export class Connections {
  /** The one that was loaded first: it answers what is asked once. */
  readonly first: Connection;
  private readonly all: Connection[];
  private closed: { readonly reason: unknown } | undefined;

  constructor(first: Connection) {
    this.first = first;
    this.all = [first];
  }

  get count(): number {
    return this.all.length;
  }

  add(connection: Connection): void {
    this.all.push(connection);
    if (this.closed) connection.close(this.closed.reason);
  }

  /** The one with the fewest unanswered requests. One that has ended is taken only if all have. */
  idlest(): Connection {
    const alive = this.all.filter(({ ended }) => !ended);
    return alive.reduce((best, other) => (other.unanswered < best.unanswered ? other : best), alive[0] ?? this.first);
  }

  /** What `ask` gives for each. */
  each<T>(ask: (connection: Connection) => Promise<T>): Promise<T[]> {
    return Promise.all(this.all.map(ask));
  }

  close(reason: unknown): void {
    this.closed ??= { reason };
    for (const connection of this.all) connection.close(reason);
  }
}
