/** The objects of a video's frames, by object instead of by frame. */

import type { LabelledObject } from "./labelled.js";

/** What was found in one frame. */
export interface LabelledFrame {
  /** Of the source, from 0. */
  readonly frame: number;
  /** Seconds. */
  readonly time: number;
  readonly objects: readonly LabelledObject[];
}

/** What was found in a video. */
export interface LabelledVideo {
  readonly fileName: string;
  readonly width: number;
  readonly height: number;
  /** Frames per second of the source. */
  readonly fps: number;
  /** Distance in the source between two processed frames: 1, or the stride. */
  readonly stride: number;
  /** In order. */
  readonly frames: readonly LabelledFrame[];
}

/** An object in a frame. */
export interface Sight {
  readonly frame: number;
  readonly time: number;
  readonly object: LabelledObject;
  /** It is not in the next processed frame. */
  readonly last: boolean;
}

/** An object through its frames. */
export interface ObjectTrack {
  /** Undefined: seen in one frame, without an ID. */
  readonly id: number | undefined;
  readonly name: string;
  readonly sights: readonly Sight[];
}

/** Objects by their IDs; one without is a track of a single frame. A track that changes its class becomes several. */
export function videoTracks({ frames, stride }: LabelledVideo): ObjectTrack[] {
  const byId = new Map<string, { id: number; name: string; seen: Omit<Sight, "last">[] }>();
  const tracks: ObjectTrack[] = [];
  for (const { frame, time, objects } of frames) {
    for (const object of objects) {
      const { track: id, name } = object;
      if (id === undefined) {
        tracks.push({ id, name, sights: [{ frame, time, object, last: true }] });
        continue;
      }
      const key = `${id} ${name}`;
      const track = byId.get(key) ?? { id, name, seen: [] };
      track.seen.push({ frame, time, object });
      byId.set(key, track);
    }
  }
  for (const { id, name, seen } of byId.values()) {
    const sights = seen.map((sight, i): Sight => {
      const next = seen.at(i + 1);
      return { ...sight, last: next === undefined || next.frame - sight.frame > stride };
    });
    tracks.push({ id, name, sights });
  }
  return tracks;
}
