/** Elements of the page by id, checked once at startup. */

import { isSuperseded } from "./lane.js";

export function byId<E extends Element>(id: string, kind: new () => E): E {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return element;
}

export const button = (id: string): HTMLButtonElement => byId(id, HTMLButtonElement);
export const input = (id: string): HTMLInputElement => byId(id, HTMLInputElement);
export const canvas = (id: string): HTMLCanvasElement => byId(id, HTMLCanvasElement);
export const box = (id: string): HTMLElement => byId(id, HTMLElement);

export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function showError(error: unknown): void {
  if (isSuperseded(error)) return;
  box("alert-text").textContent = messageOf(error);
  box("alert").hidden = false;
}

export function clearError(): void {
  box("alert").hidden = true;
}
