/**
 * Boxes over the camera's picture. The model runs in a worker, so the page stays responsive:
 *
 *     npx vite examples/camera
 *
 * Browsers give a camera only to pages on https or localhost.
 */

import { annotate, loadInWorker } from "yolov5-ts/browser";
import weights from "yolov5-ts/models/codes.safetensors?url";

function find<E extends Element>(selector: string): E {
  const element = document.querySelector<E>(selector);
  if (!element) throw new Error(`index.html has no ${selector}`);
  return element;
}

const video = find<HTMLVideoElement>("video");
const canvas = find<HTMLCanvasElement>("canvas");
const status = find<HTMLElement>("[role=status]");
const button = find<HTMLButtonElement>("button");

const model = await loadInWorker(weights, { cache: true });
status.textContent = `Ready: ${model.names.join(", ")}`;
button.disabled = false;

/** Resolves when the video shows its next frame. */
const nextFrame = (): Promise<unknown> => new Promise((resolve) => video.requestVideoFrameCallback(resolve));

async function detectUntilStopped(stream: MediaStream): Promise<void> {
  while (stream.active) {
    await nextFrame();
    // Undefined where a newer frame took this one's place.
    const result = await model.detectLatest(video);
    if (!result || !stream.active) continue;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    annotate(canvas, result);
    const { preprocess, inference, postprocess } = result.speed;
    const found = [...result.count()].map(([name, count]) => `${count} ${name}`).join(", ") || "nothing";
    status.textContent = `${found} · ${Math.round(preprocess + inference + postprocess)} ms on ${model.device.name}`;
  }
}

async function start(): Promise<void> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.srcObject = stream;
  await video.play();
  button.textContent = "Stop the camera";
  button.onclick = () => {
    for (const track of stream.getTracks()) track.stop();
    button.textContent = "Start the camera";
    button.onclick = () => run();
  };
  await detectUntilStopped(stream);
}

function run(): void {
  start().catch((error: unknown) => {
    status.textContent = error instanceof Error ? error.message : String(error);
  });
}

button.onclick = run;
