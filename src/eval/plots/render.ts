/** Vega specifications → SVG. Vega is an optional package, needed only for plots. */

import type { Spec } from "vega";
import { UnsupportedError } from "../../errors.js";
import { importOptional } from "../../optionalPackage.js";
import { wellFormedXml } from "../../printable.js";

/** The style shared by all plots. */
export const STYLE = {
  background: "white",
  padding: 12,
  config: {
    title: { font: "sans-serif", fontSize: 15, fontWeight: 600, anchor: "start", offset: 12 },
    axis: {
      labelFont: "sans-serif",
      titleFont: "sans-serif",
      labelFontSize: 11,
      titleFontSize: 12,
      titleFontWeight: 400,
      gridColor: "#e8e8e8",
      domainColor: "#888",
      tickColor: "#888",
    },
    legend: { labelFont: "sans-serif", titleFont: "sans-serif", labelFontSize: 11, titleFontSize: 11, labelLimit: 260 },
  },
} as const satisfies Partial<Spec>;

/**
 * Draws a specification without a DOM.
 * @returns an SVG document.
 * @throws UnsupportedError if Vega is not installed.
 */
export async function renderSvg(spec: Spec): Promise<string> {
  const { View, Warn, parse } = await loadVega();
  const view = new View(parse(spec), { renderer: "none", logLevel: Warn });
  try {
    return wellFormedXml(await view.toSVG());
  } finally {
    view.finalize();
  }
}

/** @throws UnsupportedError if the optional package is missing. */
export async function loadVega(): Promise<typeof import("vega")> {
  try {
    return await importOptional("vega");
  } catch (cause) {
    throw new UnsupportedError(
      'plots need the optional package "vega", which is not installed; run "npm install vega"',
      {
        cause: String(cause),
      },
    );
  }
}
