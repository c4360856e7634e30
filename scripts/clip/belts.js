/** Draws a frame of the clip: parcels with codes on two belts that run against each other. Runs in a page. */

import { aruco, barcode, dataMatrix, numbers, qrCode } from "./codes.js";

export const WIDTH = 640;
export const HEIGHT = 360;
export const SECONDS = 20;

/**
 * Where a belt is, its pixels a second (to the right if positive), and what lies on it, in the order of its arrival. Whole pixels
 * a frame make a video small.
 */
const BELTS = [
  { top: 30, speed: 75, first: 0.2, every: 1.76, codes: ["qr", "aruco", "bar", "qr", "matrix", "aruco"] },
  { top: 194, speed: -75, first: 0.6, every: 2.2, codes: ["aruco", "bar", "qr", "matrix", "qr"] },
];
const BELT_HEIGHT = 136;
const PARCEL = { width: 122, height: 112 };
const CARDBOARD = ["#c49a6c", "#b98d5f", "#cda678", "#bf9468"];
/** Far apart and faint: close ones look like a barcode. */
const SLAT = 80;

const PATTERNS = { qr: qrCode, matrix: dataMatrix, aruco };
const random = numbers(7);
const parcels = BELTS.flatMap(({ top, speed, first, every, codes }) =>
  codes.map((kind, i) => ({
    kind,
    y: top + BELT_HEIGHT / 2 + (random() - 0.5) * 8,
    speed,
    start: first + i * every,
    tilt: (random() - 0.5) * 0.2,
    colour: CARDBOARD[Math.floor(random() * CARDBOARD.length)],
    modules: kind === "bar" ? barcode(random) : PATTERNS[kind](random),
  })),
);

function belt(context, { top, speed }, time) {
  const shade = context.createLinearGradient(0, top, 0, top + BELT_HEIGHT);
  shade.addColorStop(0, "#3b4049");
  shade.addColorStop(0.5, "#4a505a");
  shade.addColorStop(1, "#353a42");
  context.fillStyle = shade;
  context.fillRect(0, top, WIDTH, BELT_HEIGHT);
  context.fillStyle = "#343942";
  const shift = (((speed * time) % SLAT) + SLAT) % SLAT;
  for (let x = shift - SLAT; x < WIDTH; x += SLAT) context.fillRect(x, top, 2, BELT_HEIGHT);
  for (const y of [top - 8, top + BELT_HEIGHT]) {
    context.fillStyle = "#aab4c0";
    context.fillRect(0, y, WIDTH, 8);
    context.fillStyle = "#8a95a3";
    context.fillRect(0, y + 5, WIDTH, 3);
  }
}

function bars(context, widths, x, y, width, height) {
  const unit = width / widths.reduce((sum, part) => sum + part, 0);
  let at = x;
  widths.forEach((part, i) => {
    if (i % 2 === 0) context.fillRect(at, y, part * unit, height);
    at += part * unit;
  });
}

function squares(context, modules, x, y, side) {
  const unit = side / modules.length;
  modules.forEach((row, j) => {
    row.forEach((black, i) => {
      if (black) context.fillRect(x + i * unit, y + j * unit, unit + 0.7, unit + 0.7);
    });
  });
}

function parcel(context, { kind, y, speed, start, tilt, colour, modules }, time) {
  const travelled = Math.abs(speed) * (time - start) - PARCEL.width / 2 - 12;
  const { width, height } = PARCEL;
  context.save();
  context.translate(speed > 0 ? travelled : WIDTH - travelled, y);
  context.rotate(tilt);
  context.shadowColor = "rgb(0 0 0 / 45%)";
  context.shadowBlur = 10;
  context.shadowOffsetY = 4;
  context.fillStyle = colour;
  context.fillRect(-width / 2, -height / 2, width, height);
  context.shadowColor = "transparent";
  context.fillStyle = "rgb(255 255 255 / 18%)";
  context.fillRect(-9, -height / 2, 18, height);
  context.fillStyle = "#fbfbf8";
  const [w, h] = kind === "bar" ? [112, 76] : [96, 96];
  context.fillRect(-w / 2, -h / 2, w, h);
  context.fillStyle = "#15171c";
  if (kind === "bar") bars(context, modules, -46, -28, 92, 56);
  else squares(context, modules, -38, -38, 76);
  context.restore();
}

/** Draws the frame at a time in seconds. */
export function drawFrame(context, time) {
  context.fillStyle = "#d5dae1";
  context.fillRect(0, 0, WIDTH, HEIGHT);
  for (const one of BELTS) belt(context, one, time);
  for (const one of parcels) parcel(context, one, time);
}
