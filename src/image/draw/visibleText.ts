/** What of a text is seen: names are strangers' text, and may hold marks that turn or hide what stands beside them. */

/** Marks that set the direction of what follows, line breaks, control characters. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const WHITE_SPACE = /[\s\p{Cc}]/gu;
/** Characters that take no room: joiners, variation selectors, byte-order mark. */
const INVISIBLE = /[\u200b-\u200d\u2060-\u2064\ufeff]|\p{Variation_Selector}/gu;

/** A text as one line that says itself in which direction it runs; its letters are joined and varied as it asks. */
export function plainLine(text: string): string {
  return text.normalize("NFC").replace(DIRECTION, "").replace(WHITE_SPACE, " ");
}

/** A line of what takes room. */
export function visibleText(text: string): string {
  return plainLine(text).replace(INVISIBLE, "");
}
