/** ONNX's sliding windows for tests: Conv, ConvTranspose and MaxPool with explicit pads, in plain loops. */

import type { Values } from "./onnxEvaluate.js";

type Attributes = (name: string) => unknown;

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

function windowOf(a: Attributes): Window {
  const pairs = (name: string, usual?: readonly number[]): number[] => (a(name) ?? usual) as number[];
  return {
    kernel: pairs("kernel_shape"),
    strides: pairs("strides"),
    pads: pairs("pads"),
    dilations: pairs("dilations", [1, 1]),
  };
}

/** Calls `visit` with the input and kernel positions that an output pixel covers, padding left out. */
function forWindow(
  { kernel, strides, pads, dilations }: Window,
  [h, w]: readonly number[],
  [oy, ox]: readonly number[],
  visit: (pixel: number, tap: number) => void,
): void {
  for (let ky = 0; ky < kernel[0]; ky++) {
    const y = oy * strides[0] - pads[0] + ky * dilations[0];
    for (let kx = 0; kx < kernel[1]; kx++) {
      const x = ox * strides[1] - pads[1] + kx * dilations[1];
      if (y >= 0 && y < h && x >= 0 && x < w) visit(y * w + x, ky * kernel[1] + kx);
    }
  }
}

function outputSize({ kernel, strides, pads, dilations }: Window, size: readonly number[]): number[] {
  return [0, 1].map((axis) => {
    const padded = size[axis] + pads[axis] + pads[axis + 2];
    return Math.floor((padded - dilations[axis] * (kernel[axis] - 1) - 1) / strides[axis]) + 1;
  });
}

export function conv2dRun([x, weight, bias]: readonly Values[], a: Attributes): Values {
  const window = windowOf(a);
  const [n, c, h, w] = x.shape;
  const [o, perGroup] = weight.shape;
  const taps = window.kernel[0] * window.kernel[1];
  const outputsPerGroup = o / Number(a("group"));
  const [oh, ow] = outputSize(window, [h, w]);
  const data = new Float64Array(n * o * oh * ow);
  for (let i = 0; i < data.length; i++) {
    const [image, k] = [Math.floor(i / (o * oh * ow)), Math.floor(i / (oh * ow)) % o];
    const first = Math.floor(k / outputsPerGroup) * perGroup;
    data[i] = bias ? bias.data[k] : 0;
    forWindow(window, [h, w], [Math.floor(i / ow) % oh, i % ow], (pixel, tap) => {
      for (let j = 0; j < perGroup; j++) {
        data[i] += x.data[(image * c + first + j) * h * w + pixel] * weight.data[(k * perGroup + j) * taps + tap];
      }
    });
  }
  return { shape: [n, o, oh, ow], data };
}

/** Every input pixel adds its window to the output: the convolution's transpose. */
export function convTranspose2dRun([x, weight, bias]: readonly Values[], a: Attributes): Values {
  const window = windowOf(a);
  const { kernel, strides, pads, dilations } = window;
  const extra = a("output_padding") as number[];
  const [n, c, h, w] = x.shape;
  const perGroup = weight.shape[1];
  const groups = Number(a("group"));
  const o = perGroup * groups;
  const [oh, ow] = [h, w].map(
    (size, axis) =>
      strides[axis] * (size - 1) + extra[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - pads[axis] - pads[axis + 2],
  );
  const taps = kernel[0] * kernel[1];
  const data = new Float64Array(n * o * oh * ow);
  for (let i = 0; bias && i < data.length; i++) data[i] = bias.data[Math.floor(i / (oh * ow)) % o];
  for (let plane = 0; plane < n * c; plane++) {
    const [image, j] = [Math.floor(plane / c), plane % c];
    const first = Math.floor(j / (c / groups)) * perGroup;
    for (let y = 0; y < h; y++) {
      for (let xx = 0; xx < w; xx++) {
        forWindow(window, [oh, ow], [y, xx], (pixel, tap) => {
          for (let k = 0; k < perGroup; k++) {
            data[(image * o + first + k) * oh * ow + pixel] +=
              x.data[(plane * h + y) * w + xx] * weight.data[(j * perGroup + k) * taps + tap];
          }
        });
      }
    }
  }
  return { shape: [n, o, oh, ow], data };
}

export function maxPoolRun(x: Values, a: Attributes): Values {
  const window = windowOf(a);
  if (a("ceil_mode")) throw new Error("MaxPool: ceil_mode");
  const [n, c, h, w] = x.shape;
  const [oh, ow] = outputSize(window, [h, w]);
  const data = new Float64Array(n * c * oh * ow).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < data.length; i++) {
    const start = Math.floor(i / (oh * ow)) * h * w;
    forWindow(window, [h, w], [Math.floor(i / ow) % oh, i % ow], (pixel) => {
      data[i] = Math.max(data[i], x.data[start + pixel]);
    });
  }
  return { shape: [n, c, oh, ow], data };
}
