/** Keys for the page's buttons and switches, and the dialog that lists them. */

import { box, button, byId, create, input } from "./dom.js";

/** Key, what it does, and the control that it presses. Keys whose control is hidden do nothing. */
const KEYS = [
  ["O", "Open a picture or video", "open"],
  ["S", "Sample picture", "sample"],
  ["V", "Sample clip", "clip"],
  ["C", "Camera on or off", "camera"],
  ["Space", "Pause or play", "pause"],
  ["R", "Record, and stop", "record"],
  ["L", "Draw a line", "draw-line"],
  ["Z", "Draw a zone", "draw-zone"],
  ["T", "Track objects", "track"],
  ["B", "Blur objects", "blur"],
  ["H", "Heat map", "heat"],
  ["I", "Look in slices", "slices"],
  ["J", "Copy the result as JSON", "copy"],
  ["?", "This list", "help-open"],
] as const;
const SETTING = "yolov5-ts keys off";

/** Whether a key belongs to what has the focus. */
function typing(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement) {
    return true;
  }
  if (target instanceof HTMLInputElement) return target.type !== "checkbox" || key === " ";
  return key === " " && /^(BUTTON|SUMMARY|A)$/.test(target.tagName);
}

/** Pages in sandboxed frames have no storage. */
function stored(): boolean {
  try {
    return localStorage.getItem(SETTING) !== null;
  } catch {
    return false;
  }
}

function store(off: boolean): void {
  try {
    if (off) localStorage.setItem(SETTING, "");
    else localStorage.removeItem(SETTING);
  } catch {
    // For this visit alone.
  }
}

const usable = (id: string): boolean => {
  const control = box(id);
  return control.checkVisibility() && !control.matches(":disabled");
};

export function listenForKeys(): void {
  const dialog = byId("help", HTMLDialogElement);
  const on = input("keys-on");
  on.checked = !stored();
  on.addEventListener("change", () => store(!on.checked));
  button("help-open").addEventListener("click", () => {
    box("key-list").replaceChildren(
      ...KEYS.map(([key, text, id]) => {
        const row = create("div", {}, create("dt", {}, create("kbd", {}, key)), create("dd", {}, text));
        row.classList.toggle("unavailable", !usable(id));
        return row;
      }),
    );
    dialog.showModal();
  });
  button("help-close").addEventListener("click", () => dialog.close());
  // The dialog fills itself: what is hit outside its content is the backdrop.
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close();
  });
  addEventListener("keydown", (event) => {
    const { key, target, ctrlKey, metaKey, altKey, repeat, defaultPrevented } = event;
    if (!on.checked || defaultPrevented || repeat || ctrlKey || metaKey || altKey || dialog.open) return;
    if (typing(target, key)) return;
    const wanted = key === " " ? "Space" : key.toUpperCase();
    const found = KEYS.find(([name]) => name === wanted);
    if (!found || !usable(found[2])) return;
    event.preventDefault();
    box(found[2]).click();
  });
}
