/** The trail of each object, for drawing. */

/** x, y, x, y, … of an object's last centres, the oldest first. */
export interface Trail {
  readonly id: number;
  readonly points: readonly number[];
}

/** Remembers the last positions of each object, to draw its trail. */
export class Trails {
  private readonly length: number;
  private readonly keep: number;
  private readonly trails = new Map<number, { points: number[]; seen: number }>();
  private frame = 0;

  /**
   * @param length maximum number of points per trail.
   * @param keep frames after which the trail of an unseen object is forgotten; use the tracker's `buffer`.
   */
  constructor(length = 40, keep = 30) {
    this.length = length;
    this.keep = keep;
  }

  /** Adds the tracks of the next frame; returns their trails. */
  update(tracks: readonly { readonly id: number; readonly x: number; readonly y: number }[]): Trail[] {
    this.frame++;
    for (const { id, x, y } of tracks) {
      const trail = this.trails.get(id) ?? { points: [], seen: 0 };
      this.trails.set(id, trail);
      trail.points.push(x, y);
      trail.points.splice(0, trail.points.length - this.length * 2);
      trail.seen = this.frame;
    }
    for (const [id, { seen }] of this.trails) if (this.frame - seen > this.keep) this.trails.delete(id);
    return tracks.map(({ id }) => ({ id, points: [...(this.trails.get(id)?.points ?? [])] }));
  }

  /** Forgets all objects. */
  reset(): void {
    this.trails.clear();
    this.frame = 0;
  }
}
