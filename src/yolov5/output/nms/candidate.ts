/** What suppression leaves of a prediction. */

/** A box that survived, in pixels of the network's input, neither clipped nor rounded. All numbers are float32. */
export interface Candidate {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  /** Objectness × class probability; without anchors the class's own score. */
  readonly confidence: number;
  readonly classIndex: number;
  /** Row of the prediction it came from. */
  readonly row: number;
  /** Mask coefficients, of YOLOv5 × objectness (v7.0 scales all columns after the fifth), for segmentation models. */
  readonly coefficients?: Float32Array;
  /** Numbers of keypoints in pixels of the network's input, for pose models. */
  readonly keypoints?: Float32Array;
}
