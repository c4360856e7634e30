/** The boxes that NMS keeps. */

/** A box that was kept, in pixels of the network's input, neither clipped nor rounded. All numbers are float32. */
export interface Candidate {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  /** Objectness × class probability; without anchors, the class score alone. */
  readonly confidence: number;
  readonly classIndex: number;
  /** Row of the prediction it came from. */
  readonly row: number;
  /** Mask coefficients, for segmentation models; those of YOLOv5 are multiplied by the objectness (v7.0 scales all columns after the fifth). */
  readonly coefficients?: Float32Array;
  /** Keypoints as numbers in pixels of the network's input, for pose models. */
  readonly keypoints?: Float32Array;
}
