/**
 * A restricted unpickler, protocols 0 to 5. It builds values and never runs anything: a name in the pickle stays a
 * name, calls go through the closed table of `calls.ts`, and dictionaries become `Map`s, so that no key can reach a
 * JavaScript prototype. It does not recurse, so nesting cannot overflow the stack; every value is charged to the budget.
 */

import { type Budget, damaged } from "../budget.js";
import { checkClassName } from "../limits.js";
import type { Calls } from "./calls.js";
import { Cursor } from "./cursor.js";
import { PickleStack } from "./stack.js";
import { byteString, parseFloatText, parseInteger, parseQuoted, parseRawUnicode } from "./text.js";
import { GlobalRef, PyObject, typeName, type Value } from "./values.js";

/** What the budget counts for a value on the stack: a generous figure for V8. */
const STACK_COST = 32;

export class Unpickler {
  private readonly cursor: Cursor;
  private readonly stack: PickleStack;

  constructor(
    bytes: Uint8Array,
    private readonly budget: Budget,
    private readonly calls: Calls,
    private readonly persistentLoad: (id: Value) => Value,
    start = 0,
  ) {
    this.cursor = new Cursor(bytes, start, budget);
    this.stack = new PickleStack(budget, () => this.cursor.position);
  }

  /** Byte after the STOP, once `load` has returned. */
  get end(): number {
    return this.cursor.position;
  }

  /** The pickled value. @throws CheckpointError on anything malformed. */
  load(): Value {
    for (;;) {
      const op = this.cursor.uint8();
      if (op === 0x2e) return this.stack.pop(); // STOP
      this.budget.charge(STACK_COST, "the values of its pickle");
      if (!this.scalar(op) && !this.structure(op)) {
        damaged(`unknown pickle opcode 0x${op.toString(16)} at byte ${this.cursor.position - 1}`, { op });
      }
    }
  }

  /** Opcodes that push one atom. */
  private scalar(op: number): boolean {
    const { cursor, stack } = this;
    switch (op) {
      case 0x4e: // NONE
        return stack.push(null);
      case 0x88: // NEWTRUE
        return stack.push(true);
      case 0x89: // NEWFALSE
        return stack.push(false);
      case 0x49: // INT
      case 0x4c: // LONG
        return stack.push(parseInteger(cursor.line()));
      case 0x4a: // BININT
        return stack.push(cursor.int32());
      case 0x4b: // BININT1
        return stack.push(cursor.uint8());
      case 0x4d: // BININT2
        return stack.push(cursor.uint16());
      case 0x8a: // LONG1
        return stack.push(cursor.integer(cursor.uint8()));
      case 0x8b: // LONG4
        return stack.push(cursor.integer(cursor.uint32()));
      case 0x46: // FLOAT
        return stack.push(parseFloatText(cursor.line()));
      case 0x47: // BINFLOAT
        return stack.push(cursor.float64());
      case 0x53: // STRING
        return stack.push(parseQuoted(cursor.line()));
      case 0x54: // BINSTRING
        return stack.push(this.byteString(cursor.uint32()));
      case 0x55: // SHORT_BINSTRING
        return stack.push(this.byteString(cursor.uint8()));
      case 0x56: // UNICODE
        return stack.push(parseRawUnicode(cursor.line()));
      case 0x58: // BINUNICODE
        return stack.push(cursor.utf8(cursor.uint32()));
      case 0x8c: // SHORT_BINUNICODE
        return stack.push(cursor.utf8(cursor.uint8()));
      case 0x8d: // BINUNICODE8
        return stack.push(cursor.utf8(cursor.uint64()));
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
        return stack.mark();
      case 0x30: // POP
        return stack.popOrUnmark();
      case 0x31: // POP_MARK
        stack.popMark();
        return true;
      case 0x32: // DUP
        return stack.push(stack.top());
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
      case 0x8f: // EMPTY_SET
        return stack.pushContainer([]);
      case 0x6c: // LIST
      case 0x74: // TUPLE
      case 0x91: // FROZENSET
        return stack.pushContainer(stack.popMark());
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return stack.pushContainer(stack.popMany(op - 0x84));
      case 0x7d: // EMPTY_DICT
        return stack.pushContainer(new Map());
      case 0x64: // DICT
        return stack.pushContainer(this.setItems(new Map(), stack.popMark()));
      case 0x61: // APPEND
        this.extend(stack.popMany(1));
        return true;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.extend(stack.popMark());
        return true;
      case 0x73: // SETITEM
        this.update(stack.popMany(2));
        return true;
      case 0x75: // SETITEMS
        this.update(stack.popMark());
        return true;
      case 0x63: // GLOBAL
        return this.pushGlobal(cursor.line(), cursor.line());
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = stack.popMany(2);
        if (typeof module !== "string" || typeof name !== "string") damaged("a class name that is not a string");
        return this.pushGlobal(module, name);
      }
      case 0x69: {
        // INST
        const name = globalName(cursor.line(), cursor.line());
        return stack.pushContainer(this.calls.call(new GlobalRef(name), stack.popMark()));
      }
      case 0x6f: {
        // OBJ
        const [type, ...args] = stack.popMark();
        if (type === undefined) damaged("an OBJ opcode without a class");
        return stack.pushContainer(this.calls.call(type, args));
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const [callee, args] = stack.popMany(2);
        return stack.pushContainer(this.calls.call(callee, argumentList(args)));
      }
      case 0x92: {
        // NEWOBJ_EX: keyword arguments are kept with the others, where only a message could show them.
        const [type, args, keywords] = stack.popMany(3);
        const list = argumentList(args);
        if (keywords instanceof Map && keywords.size === 0) return stack.pushContainer(this.calls.call(type, list));
        this.budget.charge(8 * list.length, "the arguments of its pickle");
        return stack.pushContainer(this.calls.call(type, [...list, keywords]));
      }
      case 0x62: // BUILD
        this.build();
        return true;
      case 0x51: // BINPERSID
        return stack.pushContainer(this.persistentLoad(stack.pop()));
      case 0x50: // PERSID
        return stack.pushContainer(this.persistentLoad(cursor.line()));
      case 0x67: // GET
        return stack.recall(Number(parseInteger(cursor.line())));
      case 0x68: // BINGET
        return stack.recall(cursor.uint8());
      case 0x6a: // LONG_BINGET
        return stack.recall(cursor.uint32());
      case 0x70: // PUT
        return stack.memorise(Number(parseInteger(cursor.line())));
      case 0x71: // BINPUT
        return stack.memorise(cursor.uint8());
      case 0x72: // LONG_BINPUT
        return stack.memorise(cursor.uint32());
      case 0x94: // MEMOIZE
        return stack.memorise();
      default:
        return false;
    }
  }

  private pushBytes(count: number): true {
    return this.stack.pushContainer(this.cursor.take(count));
  }

  private pushGlobal(module: string, name: string): true {
    return this.stack.pushContainer(new GlobalRef(globalName(module, name)));
  }

  private byteString(count: number): string {
    this.budget.charge(2 * count, "the strings of its pickle");
    return byteString(this.cursor.take(count));
  }

  private extend(items: readonly Value[]): void {
    const target = this.stack.top();
    this.budget.charge(8 * items.length, "the lists of its pickle");
    if (!Array.isArray(target) && !(target instanceof PyObject)) {
      damaged(`its pickle appends to a ${typeName(target)}`);
    }
    const list = Array.isArray(target) ? target : target.items();
    for (const item of items) list.push(item);
  }

  private update(items: readonly Value[]): void {
    const target = this.stack.top();
    if (target instanceof Map) this.setItems(target, items);
    else if (target instanceof PyObject) this.setItems(target.entries(), items);
    else damaged(`its pickle sets an item of a ${typeName(target)}`);
  }

  private setItems(map: Map<Value, Value>, items: readonly Value[]): Map<Value, Value> {
    if (items.length % 2) damaged("a dictionary of its pickle has a key without a value");
    this.budget.charge(24 * items.length, "the dictionaries of its pickle");
    for (let i = 0; i < items.length; i += 2) {
      this.calls.keys.count(items[i]);
      map.set(items[i], items[i + 1]);
    }
    return map;
  }

  /** State of an object. Containers and tensors take none: what Python would hang on them (`_metadata`) has no use. */
  private build(): void {
    const state = this.stack.pop();
    const target = this.stack.top();
    if (target instanceof PyObject) target.state = state;
  }
}

function argumentList(args: Value): readonly Value[] {
  if (!Array.isArray(args)) damaged(`its pickle calls with a ${typeName(args)} instead of a tuple`);
  return args;
}

/** Python 2's module names and NumPy 2's private ones, as Python 3 and NumPy 1 spell them. */
function globalName(module: string, name: string): string {
  checkClassName(module.length + name.length);
  if (module === "__builtin__") return `builtins.${name}`;
  if (module === "copy_reg") return `copyreg.${name}`;
  if (module.startsWith("numpy._core")) return `numpy.core${module.slice(11)}.${name}`;
  return `${module}.${name}`;
}
