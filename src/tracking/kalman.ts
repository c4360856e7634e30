/**
 * The constant-velocity Kalman filter of one box, over centre x, centre y, aspect (width / height), height and their
 * velocities, in pixels and frames, with DeepSORT's noise (Wojke et al. 2017): proportional to the box's height. All
 * of its matrices are diagonal except for the coupling of position and velocity of one quantity. So the 8×8 filter
 * splits into four filters with two numbers each, computed here without matrices and with the same results.
 */

import type { Xyxy } from "../boxes.js";

/** Standard deviations of a position and of a velocity, relative to the height. */
const POSITION = 1 / 20;
const VELOCITY = 1 / 160;
/**
 * Standard deviations for the dimensionless aspect ratio: initial state, process, measurement; and for its velocity.
 */
const ASPECT = 1e-2;
const ASPECT_MEASURED = 1e-1;
const ASPECT_VELOCITY = 1e-5;
/** Minimum height of a box in pixels, so that a prediction cannot invert it. */
const LEAST = 1e-3;

/** One quantity: its value, its change per frame, and their covariance. */
class Axis {
  value: number;
  velocity = 0;
  private varValue: number;
  private covariance = 0;
  private varVelocity: number;

  constructor(value: number, deviation: number, velocityDeviation: number) {
    this.value = value;
    this.varValue = deviation ** 2;
    this.varVelocity = velocityDeviation ** 2;
  }

  get variances(): readonly [value: number, covariance: number, velocity: number] {
    return [this.varValue, this.covariance, this.varVelocity];
  }

  /** x ← F x, P ← F P Fᵀ + Q with F = [1 1; 0 1]. */
  predict(deviation: number, velocityDeviation: number): void {
    this.value += this.velocity;
    this.varValue += 2 * this.covariance + this.varVelocity + deviation ** 2;
    this.covariance += this.varVelocity;
    this.varVelocity += velocityDeviation ** 2;
  }

  /** K = P Hᵀ / (H P Hᵀ + R), x ← x + K (z − H x), P ← (I − K H) P with H = [1 0]. */
  update(measured: number, deviation: number): void {
    const innovation = this.varValue + deviation ** 2;
    const gain = this.varValue / innovation;
    const velocityGain = this.covariance / innovation;
    const residual = measured - this.value;
    this.value += gain * residual;
    this.velocity += velocityGain * residual;
    this.varVelocity -= velocityGain * this.covariance;
    this.covariance *= 1 - gain;
    this.varValue *= 1 - gain;
  }
}

export class BoxFilter {
  readonly x: Axis;
  readonly y: Axis;
  readonly aspect: Axis;
  readonly height: Axis;

  /** Starts at rest at a measured box. */
  constructor(box: Xyxy) {
    const [x, y, aspect, height] = measurement(box);
    const [position, velocity] = [2 * POSITION * height, 10 * VELOCITY * height];
    this.x = new Axis(x, position, velocity);
    this.y = new Axis(y, position, velocity);
    this.aspect = new Axis(aspect, ASPECT, ASPECT_VELOCITY);
    this.height = new Axis(height, position, velocity);
  }

  /**
   * Advances by one frame.
   * @param freezeHeight for unseen boxes: without measurements a growing height would diverge.
   */
  predict(freezeHeight = false): void {
    if (freezeHeight) this.height.velocity = 0;
    const height = Math.max(this.height.value, LEAST);
    const [position, velocity] = [POSITION * height, VELOCITY * height];
    this.x.predict(position, velocity);
    this.y.predict(position, velocity);
    this.aspect.predict(ASPECT, ASPECT_VELOCITY);
    this.height.predict(position, velocity);
  }

  /** Updates the filter with a measured box. */
  update(box: Xyxy): void {
    const [x, y, aspect, height] = measurement(box);
    const position = POSITION * Math.max(this.height.value, LEAST);
    this.x.update(x, position);
    this.y.update(y, position);
    this.aspect.update(aspect, ASPECT_MEASURED);
    this.height.update(height, position);
  }

  /** The box at its estimated position. */
  get xyxy(): Xyxy {
    const height = Math.max(this.height.value, LEAST);
    const width = Math.max(this.aspect.value * height, LEAST);
    const [x, y] = [this.x.value, this.y.value];
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
  }
}

/** Centre x, centre y, aspect, height. */
function measurement([x1, y1, x2, y2]: Xyxy): [number, number, number, number] {
  return [(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / (y2 - y1), y2 - y1];
}
