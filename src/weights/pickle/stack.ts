/**
 * The machine of a pickle: its stack, the marks on it and the memo. Values are charged where they are put; what takes values
 * reaches down to the innermost mark only, since those below belong to an outer container.
 */

import { type Budget, damaged } from "../budget.js";
import type { Value } from "./values.js";

/** What the budget counts for a container and a memo entry: generous figures for V8. */
const CONTAINER_COST = 224;
const MEMO_COST = 48;
/** Of arrays, and of memo numbers in four bytes. */
const MAX_INDEX = 2 ** 32 - 2;

export class PickleStack {
  private readonly values: Value[] = [];
  private readonly marks: number[] = [];
  /** An array, though files may leave gaps: unlike a map's keys its indices are hashed with a seed where it is sparse. */
  private readonly memo: Value[] = [];
  private memorised = 0;

  /** @param position where the pickle is being read, for messages. */
  constructor(
    private readonly budget: Budget,
    private readonly position: () => number,
  ) {}

  push(value: Value): true {
    this.values.push(value);
    return true;
  }

  pushContainer(value: Value): true {
    this.budget.charge(CONTAINER_COST, "the containers of its pickle");
    return this.push(value);
  }

  mark(): true {
    this.marks.push(this.values.length);
    return true;
  }

  pop(): Value {
    if (this.available() < 1) this.underflow();
    return this.values.pop() ?? null;
  }

  /** As POP does: Python pops a mark where the mark is on top. */
  popOrUnmark(): true {
    if (this.marks.at(-1) === this.values.length) this.marks.pop();
    else this.pop();
    return true;
  }

  popMany(count: number): Value[] {
    if (this.available() < count) this.underflow();
    return this.values.splice(this.values.length - count, count);
  }

  /** All that was put since the innermost mark, which goes too. */
  popMark(): Value[] {
    const mark = this.marks.pop();
    if (mark === undefined) damaged(`its pickle has no mark at byte ${this.position()}`);
    return this.values.splice(mark);
  }

  top(): Value {
    if (this.available() < 1) this.underflow();
    return this.values[this.values.length - 1];
  }

  /** Puts a value of the memo. */
  recall(index: number): true {
    const value: Value | undefined = this.memo[index];
    if (value === undefined) damaged(`its pickle refers to memo ${index}, which is empty`);
    return this.push(value);
  }

  /** Keeps the top value. @param index its number in the memo; the next one where it has none. */
  memorise(index = this.memorised): true {
    this.budget.charge(MEMO_COST, "the memo of its pickle");
    if (!(Number.isInteger(index) && index >= 0 && index <= MAX_INDEX)) damaged(`memo ${index} of its pickle`);
    if (!(index in this.memo)) this.memorised++;
    this.memo[index] = this.top();
    return true;
  }

  private available(): number {
    return this.values.length - (this.marks.at(-1) ?? 0);
  }

  private underflow(): never {
    return damaged(`its pickle takes more values than its stack holds, at byte ${this.position()}`);
  }
}
