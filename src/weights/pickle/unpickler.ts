/**
 * A restricted unpickler, protocols 0 to 5. It builds values and never runs anything: a name in the pickle stays a
 * name, calls go through the closed table of `calls.ts`, and dictionaries become `Map`s, so that no key can reach a
 * JavaScript prototype. It does not recurse, so nesting cannot overflow the stack; every value is charged to the budget.
 */

import { type Budget, damaged } from "../budget.js";
import { type Calls, MAX_NAME } from "./calls.js";
import { Cursor } from "./cursor.js";
import { byteString, parseFloatText, parseInteger, parseQuoted, parseRawUnicode } from "./text.js";
import { GlobalRef, PyObject, typeName, type Value } from "./values.js";

/** What the budget counts for a value on the stack, a container, a memo entry: generous figures for V8. */
const STACK_COST = 32;
const CONTAINER_COST = 224;
const MEMO_COST = 48;

export class Unpickler {
  private readonly cursor: Cursor;
  private readonly stack: Value[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, Value>();

  constructor(
    bytes: Uint8Array,
    private readonly budget: Budget,
    private readonly calls: Calls,
    private readonly persistentLoad: (id: Value) => Value,
    start = 0,
  ) {
    this.cursor = new Cursor(bytes, start, budget);
  }

  /** Byte after the STOP, once `load` has returned. */
  get end(): number {
    return this.cursor.position;
  }

  /** The pickled value. @throws CheckpointError on anything malformed. */
  load(): Value {
    for (;;) {
      const op = this.cursor.uint8();
      if (op === 0x2e) return this.pop(); // STOP
      this.budget.charge(STACK_COST, "the values of its pickle");
      if (!this.scalar(op) && !this.structure(op)) {
        damaged(`unknown pickle opcode 0x${op.toString(16)} at byte ${this.cursor.position - 1}`, { op });
      }
    }
  }

  /** Opcodes that push one atom. */
  private scalar(op: number): boolean {
    const { cursor } = this;
    switch (op) {
      case 0x4e: // NONE
        return this.push(null);
      case 0x88: // NEWTRUE
        return this.push(true);
      case 0x89: // NEWFALSE
        return this.push(false);
      case 0x49: // INT
      case 0x4c: // LONG
        return this.push(parseInteger(cursor.line()));
      case 0x4a: // BININT
        return this.push(cursor.int32());
      case 0x4b: // BININT1
        return this.push(cursor.uint8());
      case 0x4d: // BININT2
        return this.push(cursor.uint16());
      case 0x8a: // LONG1
        return this.push(cursor.integer(cursor.uint8()));
      case 0x8b: // LONG4
        return this.push(cursor.integer(cursor.uint32()));
      case 0x46: // FLOAT
        return this.push(parseFloatText(cursor.line()));
      case 0x47: // BINFLOAT
        return this.push(cursor.float64());
      case 0x53: // STRING
        return this.push(parseQuoted(cursor.line()));
      case 0x54: // BINSTRING
        return this.push(this.byteString(cursor.uint32()));
      case 0x55: // SHORT_BINSTRING
        return this.push(this.byteString(cursor.uint8()));
      case 0x56: // UNICODE
        return this.push(parseRawUnicode(cursor.line()));
      case 0x58: // BINUNICODE
        return this.push(cursor.utf8(cursor.uint32()));
      case 0x8c: // SHORT_BINUNICODE
        return this.push(cursor.utf8(cursor.uint8()));
      case 0x8d: // BINUNICODE8
        return this.push(cursor.utf8(cursor.uint64()));
      case 0x42: // BINBYTES
        return this.pushBytes(cursor.uint32());
      case 0x43: // SHORT_BINBYTES
        return this.pushBytes(cursor.uint8());
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.pushBytes(cursor.uint64());
      default:
        return false;
    }
  }

  /** Opcodes that build, call, or work on stack and memo. */
  private structure(op: number): boolean {
    const { cursor, stack } = this;
    switch (op) {
      case 0x80: // PROTO
        if (cursor.uint8() > 5) damaged(`pickle protocol ${cursor.bytes[cursor.position - 1]}; 0 to 5 are known`);
        return true;
      case 0x95: // FRAME
        cursor.take(8);
        return true;
      case 0x28: // MARK
        this.marks.push(stack.length);
        return true;
      case 0x30: // POP
        // Python pops a mark where the mark is on top.
        if (this.marks.at(-1) === stack.length) this.marks.pop();
        else this.pop();
        return true;
      case 0x31: // POP_MARK
        this.popMark();
        return true;
      case 0x32: // DUP
        return this.push(this.top());
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
      case 0x8f: // EMPTY_SET
        return this.pushContainer([]);
      case 0x6c: // LIST
      case 0x74: // TUPLE
      case 0x91: // FROZENSET
        return this.pushContainer(this.popMark());
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.pushContainer(this.popMany(op - 0x84));
      case 0x7d: // EMPTY_DICT
        return this.pushContainer(new Map());
      case 0x64: // DICT
        return this.pushContainer(this.setItems(new Map(), this.popMark()));
      case 0x61: // APPEND
        this.extend(this.popMany(1));
        return true;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.extend(this.popMark());
        return true;
      case 0x73: // SETITEM
        this.update(this.popMany(2));
        return true;
      case 0x75: // SETITEMS
        this.update(this.popMark());
        return true;
      case 0x63: // GLOBAL
        return this.pushGlobal(cursor.line(), cursor.line());
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.popMany(2);
        if (typeof module !== "string" || typeof name !== "string") damaged("a class name that is no string");
        return this.pushGlobal(module, name);
      }
      case 0x69: {
        // INST
        const name = globalName(cursor.line(), cursor.line());
        return this.pushContainer(this.calls.call(new GlobalRef(name), this.popMark()));
      }
      case 0x6f: {
        // OBJ
        const [type, ...args] = this.popMark();
        if (type === undefined) damaged("an OBJ opcode without a class");
        return this.pushContainer(this.calls.call(type, args));
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const [callee, args] = this.popMany(2);
        return this.pushContainer(this.calls.call(callee, argumentList(args)));
      }
      case 0x92: {
        // NEWOBJ_EX: keyword arguments are kept with the others, where only a message could show them.
        const [type, args, keywords] = this.popMany(3);
        const list = argumentList(args);
        if (keywords instanceof Map && keywords.size === 0) return this.pushContainer(this.calls.call(type, list));
        this.budget.charge(8 * list.length, "the arguments of its pickle");
        return this.pushContainer(this.calls.call(type, [...list, keywords]));
      }
      case 0x62: // BUILD
        this.build();
        return true;
      case 0x51: // BINPERSID
        return this.pushContainer(this.persistentLoad(this.pop()));
      case 0x50: // PERSID
        return this.pushContainer(this.persistentLoad(cursor.line()));
      case 0x67: // GET
        return this.push(this.recall(Number(parseInteger(cursor.line()))));
      case 0x68: // BINGET
        return this.push(this.recall(cursor.uint8()));
      case 0x6a: // LONG_BINGET
        return this.push(this.recall(cursor.uint32()));
      case 0x70: // PUT
        return this.memorise(Number(parseInteger(cursor.line())));
      case 0x71: // BINPUT
        return this.memorise(cursor.uint8());
      case 0x72: // LONG_BINPUT
        return this.memorise(cursor.uint32());
      case 0x94: // MEMOIZE
        return this.memorise(this.memo.size);
      default:
        return false;
    }
  }

  private push(value: Value): true {
    this.stack.push(value);
    return true;
  }

  private pushContainer(value: Value): true {
    this.budget.charge(CONTAINER_COST, "the containers of its pickle");
    this.stack.push(value);
    return true;
  }

  private pushBytes(count: number): true {
    return this.pushContainer(this.cursor.take(count));
  }

  private pushGlobal(module: string, name: string): true {
    return this.pushContainer(new GlobalRef(globalName(module, name)));
  }

  private byteString(count: number): string {
    this.budget.charge(2 * count, "the strings of its pickle");
    return byteString(this.cursor.take(count));
  }

  /** Values above the innermost mark only: below it they belong to an outer container. */
  private available(): number {
    return this.stack.length - (this.marks.at(-1) ?? 0);
  }

  private popMany(count: number): Value[] {
    if (this.available() < count) this.underflow();
    return this.stack.splice(this.stack.length - count, count);
  }

  private pop(): Value {
    if (this.available() < 1) this.underflow();
    return this.stack.pop() ?? null;
  }

  private top(): Value {
    if (this.available() < 1) this.underflow();
    return this.stack[this.stack.length - 1];
  }

  private underflow(): never {
    return damaged(`its pickle takes a value that is not there, at byte ${this.cursor.position}`);
  }

  private popMark(): Value[] {
    const mark = this.marks.pop();
    if (mark === undefined) damaged(`its pickle has no mark at byte ${this.cursor.position}`);
    return this.stack.splice(mark);
  }

  private recall(index: number): Value {
    const value = this.memo.get(index);
    if (value === undefined) damaged(`its pickle refers to memo ${index}, which is empty`);
    return value;
  }

  private memorise(index: number): true {
    this.budget.charge(MEMO_COST, "the memo of its pickle");
    this.memo.set(index, this.top());
    return true;
  }

  private extend(items: readonly Value[]): void {
    const target = this.top();
    this.budget.charge(8 * items.length, "the lists of its pickle");
    if (!Array.isArray(target) && !(target instanceof PyObject)) {
      damaged(`its pickle appends to a ${typeName(target)}`);
    }
    const list = Array.isArray(target) ? target : target.items();
    for (const item of items) list.push(item);
  }

  private update(items: readonly Value[]): void {
    const target = this.top();
    if (target instanceof Map) this.setItems(target, items);
    else if (target instanceof PyObject) this.setItems(target.entries(), items);
    else damaged(`its pickle sets an item of a ${typeName(target)}`);
  }

  private setItems(map: Map<Value, Value>, items: readonly Value[]): Map<Value, Value> {
    if (items.length % 2) damaged("a dictionary of its pickle has a key without a value");
    this.budget.charge(24 * items.length, "the dictionaries of its pickle");
    for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
    return map;
  }

  /** State of an object. Containers and tensors take none: what Python would hang on them (`_metadata`) has no use. */
  private build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof PyObject) target.state = state;
  }
}

function argumentList(args: Value): readonly Value[] {
  if (!Array.isArray(args)) damaged(`its pickle calls with a ${typeName(args)} instead of a tuple`);
  return args;
}

/** Python 2's module names and NumPy 2's private ones, as Python 3 and NumPy 1 spell them. */
function globalName(module: string, name: string): string {
  if (module.length + name.length > MAX_NAME) damaged(`a class name of more than ${MAX_NAME} characters`);
  if (module === "__builtin__") return `builtins.${name}`;
  if (module === "copy_reg") return `copyreg.${name}`;
  if (module.startsWith("numpy._core")) return `numpy.core${module.slice(11)}.${name}`;
  return `${module}.${name}`;
}
