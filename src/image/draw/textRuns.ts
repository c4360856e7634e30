/**
 * Splits a label's text into runs of one direction and one font, from left to right. Labels as a whole read from left
 * to right (`#3 name 0.87`); Arabic or Hebrew names within them run the other way, except for their numbers. Follows
 * the Unicode Bidirectional Algorithm (UAX #9) as far as labels without explicit marks need it.
 */

export interface TextRun {
  readonly text: string;
  /** The built-in font lacks some of its letters. */
  readonly foreign: boolean;
  readonly rightToLeft: boolean;
}

const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const NUMBER = /\p{Nd}/u;
const LETTER_OR_NUMBER = /[\p{L}\p{Nd}]/u;

/** @param builtIn whether the built-in font has a character. */
export function textRuns(text: string, builtIn: (character: string) => boolean): TextRun[] {
  const runs: TextRun[] = [];
  for (const character of Array.from(text)) {
    const rightToLeft = RIGHT_TO_LEFT.test(character) && !NUMBER.test(character);
    const foreign = !builtIn(character);
    const last = runs.at(-1);
    if (last && last.foreign === foreign && last.rightToLeft === rightToLeft) {
      runs[runs.length - 1] = { ...last, text: last.text + character };
    } else if (last && foreign && !last.foreign && joins(runs, rightToLeft)) {
      // Spaces and punctuation between two words of one script belong to them, so that they are shaped together.
      const between = runs.pop();
      const before = runs.pop();
      if (between && before) runs.push({ ...before, text: before.text + between.text + character });
    } else {
      runs.push({ text: character, foreign, rightToLeft });
    }
  }
  return inVisualOrder(runs);
}

function joins(runs: readonly TextRun[], rightToLeft: boolean): boolean {
  const [before, between] = runs.slice(-2);
  return (
    runs.length > 1 &&
    before.foreign &&
    before.rightToLeft === rightToLeft &&
    !LETTER_OR_NUMBER.test(between.text) &&
    rightToLeft
  );
}

/** Reverses neutral text between right-to-left runs if it has no letters of the other direction. */
function inVisualOrder(runs: readonly TextRun[]): TextRun[] {
  const ordered: TextRun[] = [];
  for (let start = 0; start < runs.length; ) {
    let end = start + 1;
    if (runs[start].rightToLeft) {
      for (let next = end; next < runs.length && (runs[next].rightToLeft || !/\p{L}/u.test(runs[next].text)); next++) {
        if (runs[next].rightToLeft) end = next + 1;
      }
    }
    ordered.push(...runs.slice(start, end).reverse());
    start = end;
  }
  return ordered;
}
