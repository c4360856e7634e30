/** Files from a picker, drag and drop, or paste, sorted by kind. */

import { box, button, input } from "./dom.js";

export interface FileHandlers {
  readonly onModel: (file: File) => void;
  readonly onPicture: (file: File) => void;
  readonly onVideo: (file: File) => void;
}

const MODEL = /\.(pt|pth|safetensors|onnx|bin)$/i;
const VIDEO = /\.(mp4|m4v|webm|mov|mkv|avi)$/i;

function sort(file: File, handlers: FileHandlers): void {
  if (MODEL.test(file.name)) handlers.onModel(file);
  else if (file.type.startsWith("video/") || VIDEO.test(file.name)) handlers.onVideo(file);
  else handlers.onPicture(file);
}

/** A file picker that resets its value, so that the same file can be opened twice. */
function picker(openId: string, fileId: string, take: (file: File) => void): void {
  const field = input(fileId);
  button(openId).addEventListener("click", () => field.click());
  field.addEventListener("change", () => {
    const file = field.files?.[0];
    field.value = "";
    if (file) take(file);
  });
}

export function listenForFiles(handlers: FileHandlers): void {
  picker("open", "file", (file) => sort(file, handlers));
  picker("open-model", "model-file", handlers.onModel);
  let depth = 0;
  const mark = (): void => {
    document.body.classList.toggle("dragging", depth > 0);
    box("drop").ariaHidden = String(depth === 0);
  };
  addEventListener("dragenter", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    depth++;
    mark();
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    mark();
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    mark();
    for (const file of event.dataTransfer?.files ?? []) sort(file, handlers);
  });
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) sort(file, handlers);
  });
}

/** @throws Error with advice for a file that is no picture. */
export async function decoded(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file);
  } catch {
    const name = file instanceof File ? file.name : "The file";
    throw new Error(`${name} is not a picture that this browser can show. JPEG, PNG, WebP and GIF work everywhere.`);
  }
}
