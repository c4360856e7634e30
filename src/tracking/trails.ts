/** The way each object came, for drawing. */

/** x, y, x, y, … of an object's last centres, the oldest first. */
export interface Trail {
  readonly id: number;
  readonly points: readonly number[];
}

/** Remembers where each object was last seen, to draw its way. */
export class Trails {
  private readonly length: number;
  private readonly keep: number;
  private readonly trails = new Map<number, { points: number[]; seen: number }>();
  private frame = 0;

  /**
   * @param length most points of a trail.
   * @param keep frames after which the trail of an object that is not seen is forgotten; a tracker's `buffer`.
   */
  constructor(length = 40, keep = 30) {
    this.length = length;
    this.keep = keep;
  }

  /** Takes the tracks of the next frame; gives the trails of these tracks. */
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
