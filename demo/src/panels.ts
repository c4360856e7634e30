/** The panels for the model, the device, the result and the times. */

import type { BackendChoice, Detection, NodeTiming, Result, ThemeName, WorkerModel } from "yolov5-ts";
import { box, button, create } from "./dom.js";
import { colorIndex, cssColor, titleOf } from "./drawing.js";

export const BACKENDS: Readonly<Record<string, string>> = {
  webgpu: "WebGPU",
  gpujs: "WebGL2",
  wasm: "WebAssembly",
  cpu: "Reference",
};
const TASKS = { detect: "detection", segment: "segmentation", pose: "pose", classify: "classification" } as const;

/**
 * The relevant part of the adapter's name: browsers report a WebGL renderer as `ANGLE (vendor, card and driver,
 * version)`.
 */
function shortAdapter(adapter: string): string {
  const card = /ANGLE \([^,]*, (?:Vulkan [\d.]+ \()?([^(,]+)/.exec(adapter)?.[1].trim();
  const suffix = adapter.endsWith("(software)") ? " (software)" : "";
  return card
    ? card.replace(/ Direct3D.*| OpenGL.*/, "") + suffix
    : adapter.replace(/^WebAssembly .*, |^gpu\.js webgl2 /, "");
}

export function showDevice(device: WorkerModel["device"] | undefined, notes: readonly string[]): void {
  const graphics = device?.name === "webgpu" || device?.name === "gpujs";
  const software = device?.adapter.includes("(software)");
  box("badge").dataset.kind = graphics ? (software ? "software" : "gpu") : (device?.name ?? "none");
  const text = device ? `${BACKENDS[device.name] ?? device.name} · ${shortAdapter(device.adapter)}` : "no model";
  box("badge-text").textContent = text;
  box("badge").title = device ? device.adapter : "";
  const why = box("why");
  why.hidden = notes.length === 0;
  why.textContent = notes.map((note) => `${note[0].toUpperCase()}${note.slice(1)}.`).join(" ");
}

/** Another backend is starting; the previous one may keep running meanwhile. */
export function showOpening(choice: BackendChoice): void {
  box("badge").dataset.kind = "opening";
  box("badge-text").textContent = choice === "auto" ? "starting…" : `starting ${BACKENDS[choice]}…`;
  box("badge").title = "";
  box("why").hidden = true;
}

export function showModel(model: WorkerModel, title: string): void {
  const { task, classes, parameters, layers, strides, format } = model.info;
  box("model-name").textContent = title;
  const count = parameters < 1e6 ? `${Math.round(parameters / 1e3)} k` : `${(parameters / 1e6).toFixed(1)} M`;
  const facts = [
    TASKS[task],
    `${classes} class${classes === 1 ? "" : "es"}`,
    `${count} parameters`,
    `${layers} layers`,
  ];
  if (strides.length > 0) facts.push(`strides ${strides.join(", ")}`);
  box("facts").textContent = [...facts, format].join(" · ");
}

export function showResult(
  result: Result | undefined,
  theme: ThemeName,
  highlight: (index: number | undefined) => void,
): void {
  const list = box("list");
  const rows: readonly Pick<Detection, "class" | "name" | "confidence" | "track">[] =
    result === undefined ? [] : result.task === "classify" ? result.top5 : result.detections;
  box("summary").textContent = result?.summary() ?? "Nothing yet";
  list.replaceChildren(
    ...rows.slice(0, 200).map((row, index) => {
      const swatch = create("span", { className: "swatch" });
      swatch.style.background = cssColor(colorIndex(row), theme);
      const bar = create("i");
      bar.style.width = `${row.confidence * 100}%`;
      const entry = create(
        "button",
        { type: "button" },
        swatch,
        create("span", { className: "name", textContent: titleOf(row) }),
        create("span", { className: "meter" }, bar),
        create("span", { className: "number", textContent: row.confidence.toFixed(2) }),
      );
      for (const event of ["pointerenter", "focus"]) entry.addEventListener(event, () => highlight(index));
      for (const event of ["pointerleave", "blur"]) entry.addEventListener(event, () => highlight(undefined));
      return create("li", {}, entry);
    }),
  );
  for (const id of ["copy", "png", "txt"]) button(id).disabled = result === undefined;
}

const STAGES = ["pre", "net", "post", "draw"] as const;
const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** @param fps of a video, the median over the last frames. */
export function showTimes(result: Result | undefined, draw: number, fps?: number): void {
  // Classification has no suppression.
  box("suppress").hidden = result?.task === "classify";
  if (!result) {
    for (const stage of STAGES) box(`time-${stage}`).textContent = "–";
    box("fps").textContent = "–";
    box("bar").replaceChildren();
    return;
  }
  const { preprocess, inference, postprocess } = result.speed;
  const times = [preprocess, inference, postprocess, draw];
  const total = times.reduce((sum, ms) => sum + ms, 0);
  STAGES.forEach((stage, i) => {
    box(`time-${stage}`).textContent = milliseconds(times[i]);
  });
  box("bar").replaceChildren(
    ...STAGES.map((stage, i) => {
      const part = create("i", { className: stage });
      part.style.flexGrow = String(times[i] / total);
      return part;
    }),
  );
  box("fps-label").textContent = fps === undefined ? "total" : "median";
  box("fps").textContent = fps === undefined ? milliseconds(total) : `${fps.toFixed(1)} FPS`;
}

/** The slowest layers. */
export function showProfile(timings: readonly NodeTiming[]): void {
  const total = timings.reduce((sum, { ms }) => sum + ms, 0);
  const rows = timings.toSorted((a, b) => b.ms - a.ms).slice(0, 25);
  const head = create("tr", {}, ...["layer", "kernel", "ms", "%"].map((text) => create("th", { scope: "col" }, text)));
  const body = rows.map(({ name, kernel, ms }) => {
    const cells = [name, kernel, ms.toFixed(2), `${((100 * ms) / total).toFixed(0)}`];
    return create("tr", {}, ...cells.map((text) => create("td", {}, text)));
  });
  box("profile-table").replaceChildren(create("table", {}, create("thead", {}, head), create("tbody", {}, ...body)));
}
