import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import type { PlainValue } from "../../src/weights/index.js";
import { bytes, fixture, int, le, text, unpickle } from "./support.js";

const opaque = (className: string, args: readonly PlainValue[] = [], state: PlainValue = null) => ({
  kind: "opaque",
  className,
  args,
  state,
});

describe("opcodes for atoms", () => {
  const cases: readonly [name: string, pickle: string, value: PlainValue][] = [
    ["NONE", "N.", null],
    ["NEWTRUE", "\x80\x02\x88.", true],
    ["NEWFALSE", "\x80\x02\x89.", false],
    ["INT", "I-42\n.", -42],
    ["INT as boolean", "I01\n.", true],
    ["INT as boolean", "I00\n.", false],
    ["LONG", "L-123456789012345678901L\n.", -123456789012345678901n],
    ["BININT", `J${le(-5)}.`, -5],
    ["BININT1", "K\xff.", 255],
    ["BININT2", "M\x00\x80.", 32768],
    ["LONG1", "\x8a\x02\x00\xff.", -256],
    ["LONG1 of no bytes", "\x8a\x00.", 0],
    ["LONG1 beyond 2^53", `\x8a\x08${le(2n ** 62n, 8)}.`, 2n ** 62n],
    ["LONG4", `\x8b${le(3)}\x01\x02\x03.`, 0x030201],
    ["FLOAT", "F-1.5e-05\n.", -1.5e-5],
    ["FLOAT inf", "Finf\n.", Number.POSITIVE_INFINITY],
    ["BINFLOAT", "G?\xf8\x00\x00\x00\x00\x00\x00.", 1.5],
    ["STRING", "S'it\\'s \\x41\\n\\\\ \\101'\n.", "it's A\n\\ A"],
    ["STRING of UTF-8", "S'\\xe4\\xba\\xba'\n.", "人"],
    ["STRING of latin-1", "S'caf\\xe9'\n.", "café"],
    ["BINSTRING", `T${le(3)}abc.`, "abc"],
    ["SHORT_BINSTRING", "U\x03abc.", "abc"],
    ["UNICODE", "Vcaf\xe9 \\u4eba \\U0001f680\n.", "café 人 🚀"],
    ["BINUNICODE", `X${le(3)}\xe4\xba\xba.`, "人"],
    ["SHORT_BINUNICODE", "\x8c\x02ab.", "ab"],
    ["BINUNICODE8", `\x8d${le(2, 8)}ab.`, "ab"],
    ["BINBYTES", `B${le(2)}\x00\xff.`, bytes(0, 255)],
    ["SHORT_BINBYTES", "C\x02\x00\xff.", bytes(0, 255)],
    ["BINBYTES8", `\x8e${le(1, 8)}\x07.`, bytes(7)],
    ["BYTEARRAY8", `\x96${le(1, 8)}\x07.`, bytes(7)],
  ];
  it.each(cases)("%s", (_, pickle, value) => {
    expect(unpickle(pickle)).toEqual(value);
  });

  it("keeps −0 and NaN", () => {
    expect(unpickle("G\x80\x00\x00\x00\x00\x00\x00\x00.")).toBe(-0);
    expect(unpickle("Fnan\n.")).toBeNaN();
  });
});

describe("opcodes for containers, stack and memo", () => {
  const cases: readonly [name: string, pickle: string, value: PlainValue][] = [
    ["EMPTY_LIST, APPEND", "]K\x01aK\x02a.", [1, 2]],
    ["APPENDS", "](K\x01K\x02e.", [1, 2]],
    ["LIST", "(K\x01K\x02l.", [1, 2]],
    ["EMPTY_TUPLE", ").", []],
    ["TUPLE", "(K\x01K\x02t.", [1, 2]],
    ["TUPLE1", "K\x01\x85.", [1]],
    ["TUPLE2", "K\x01K\x02\x86.", [1, 2]],
    ["TUPLE3", "K\x01K\x02K\x03\x87.", [1, 2, 3]],
    ["EMPTY_DICT, SETITEM", "}K\x01K\x02s.", new Map([[1, 2]])],
    [
      "SETITEMS",
      "}(K\x01K\x02K\x03K\x04u.",
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ],
    ["DICT", "(K\x01K\x02d.", new Map([[1, 2]])],
    ["EMPTY_SET, ADDITEMS", "\x8f(K\x01K\x02\x90.", [1, 2]],
    ["FROZENSET", "(K\x01\x91.", [1]],
    ["nested marks", "((K\x01t(K\x02tt.", [[1], [2]]],
    ["POP", "K\x01K\x020.", 1],
    ["POP of a mark", "K\x01(0.", 1],
    ["POP_MARK", "K\x01(K\x02K\x031.", 1],
    ["DUP", "K\x012\x86.", [1, 1]],
    ["PUT and GET", "K\x01p7\n0g7\n.", 1],
    ["BINPUT and BINGET", "K\x01q\x070h\x07.", 1],
    ["LONG_BINPUT and LONG_BINGET", `K\x01r${le(70000)}0j${le(70000)}.`, 1],
    ["MEMOIZE", "\x80\x04(\x8c\x01a\x94\x8c\x01b\x94h\x00h\x01t.", ["a", "b", "a", "b"]],
    ["FRAME", `\x80\x04\x95${le(3, 8)}K\x01.`, 1],
  ];
  it.each(cases)("%s", (_, pickle, value) => {
    expect(unpickle(pickle)).toEqual(value);
  });

  it("keeps shared lists shared and cyclic ones cyclic", () => {
    const shared = unpickle("(]q\x00h\x00h\x00K\x05at.") as PlainValue[];
    expect(shared[0]).toBe(shared[1]);
    const cyclic = unpickle("]q\x00h\x00a.") as PlainValue[];
    expect(cyclic[0]).toBe(cyclic);
  });
});

describe("names and calls", () => {
  const cases: readonly [name: string, pickle: string, value: unknown][] = [
    ["a class alone", "cfoo\nBar\n.", opaque("foo.Bar")],
    ["STACK_GLOBAL", `${text("foo")}${text("Bar")}\x93.`, opaque("foo.Bar")],
    ["INST", "(K\x01ifoo\nBar\n.", opaque("foo.Bar", [1])],
    ["OBJ", "(cfoo\nBar\nK\x01o.", opaque("foo.Bar", [1])],
    ["NEWOBJ and BUILD", "cfoo\nBar\n)\x81}K\x01K\x02sb.", opaque("foo.Bar", [], new Map([[1, 2]]))],
    ["NEWOBJ_EX", `cfoo\nBar\nK\x01\x85}${text("k")}K\x02s\x92.`, opaque("foo.Bar", [1, new Map([["k", 2]])])],
    ["REDUCE of an unknown function", `cos\nsystem\n${text("rm -rf /")}\x85R.`, opaque("os.system", ["rm -rf /"])],
    ["REDUCE of eval", `c__builtin__\neval\n${text("1")}\x85R.`, opaque("builtins.eval", ["1"])],
    ["REDUCE of a returned object", `cfoo\npartial\n)R)R.`, opaque("foo.partial")],
    ["a dict subclass", "cfoo\nD\n)\x81K\x01K\x02s.", opaque("foo.D", [], new Map([[1, 2]]))],
    ["a list subclass", "cfoo\nL\n)\x81(K\x01e.", opaque("foo.L", [], [1])],
    ["copyreg._reconstructor", "ccopy_reg\n_reconstructor\n(cfoo\nBar\nc__builtin__\nobject\nNtR.", opaque("foo.Bar")],
    ["copyreg.__newobj__", "ccopyreg\n__newobj__\n(cfoo\nBar\nK\x01tR.", opaque("foo.Bar", [1])],
    ["getattr of a class", `c__builtin__\ngetattr\n(cfoo\nBar\n${text("forward")}tR.`, opaque("foo.Bar.forward")],
    ["a torch dtype", "ctorch\nbfloat16\n.", "torch.bfloat16"],
    ["torch.Size", "ctorch\nSize\n((K\x01K\x02ttR.", [1, 2]],
    ["torch.device", `ctorch\ndevice\n(${text("cuda")}K\x01tR.`, "cuda:1"],
    ["OrderedDict of pairs", "ccollections\nOrderedDict\n(]](K\x01K\x02eatR.", new Map([[1, 2]])],
    ["OrderedDict with attributes", "ccollections\nOrderedDict\n)RK\x01K\x02s}K\x03K\x04sb.", new Map([[1, 2]])],
    ["defaultdict", "ccollections\ndefaultdict\n(c__builtin__\nlist\ntRK\x01K\x02s.", new Map([[1, 2]])],
    ["set of Python 2", "c__builtin__\nset\n((K\x01K\x02ltR.", [1, 2]],
    ["bytearray", `c__builtin__\nbytearray\n(${text("ab")}${text("latin-1")}tR.`, bytes("ab")],
    ["PosixPath", `cpathlib\nPosixPath\n(${text("/")}${text("a")}${text("b.pt")}tR.`, "/a/b.pt"],
    ["WindowsPath", `cpathlib\nWindowsPath\n(${text("C:\\")}${text("a")}tR.`, "C:\\a"],
    ["PurePath of Python 3.13", `cpathlib._local\nPosixPath\n(${text("a")}${text("b")}tR.`, "a/b"],
    ["an empty path", "cpathlib\nPosixPath\n)R.", "."],
  ];
  it.each(cases)("%s", (_, pickle, value) => {
    expect(unpickle(pickle)).toEqual(value);
  });

  it.each(["numpy.core.multiarray", "numpy._core.multiarray"])("reads scalars of %s", (module) => {
    const dtype = (code: string, order: string): string =>
      `cnumpy\ndtype\n(${text(code)}I00\nI01\ntR(K\x03${text(order)}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb`;
    const scalar = (code: string, order: string, raw: string): PlainValue =>
      unpickle(`c${module}\nscalar\n(${dtype(code, order)}C${String.fromCharCode(raw.length)}${raw}tR.`);
    expect(scalar("f8", "<", "\x00\x00\x00\x00\x00\x00\xe0?")).toBe(0.5);
    expect(scalar("f8", ">", "?\xe0\x00\x00\x00\x00\x00\x00")).toBe(0.5);
    expect(scalar("i8", "<", le(-7, 8))).toBe(-7);
    expect(scalar("u4", "<", le(0xffffffff))).toBe(0xffffffff);
    expect(scalar("b1", "|", "\x01")).toBe(true);
    expect(scalar("f2", "<", "\x00\x3e")).toBe(1.5);
  });

  it("treats keys such as __proto__ as plain keys", () => {
    const map = unpickle(`}(${text("__proto__")}}${text("polluted")}K\x01s${text("constructor")}K\x02u.`);
    expect(map).toBeInstanceOf(Map);
    expect([...(map as ReadonlyMap<string, PlainValue>).keys()]).toEqual(["__proto__", "constructor"]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe("values as Python pickles them", () => {
  it.each([0, 2, 4, 5])("protocol %i", (protocol) => {
    const root = unpickle(fixture(`values-${protocol}.pkl`));
    if (!(root instanceof Map)) throw new Error("the fixture holds a dict");
    const get = (key: string): unknown => root.get(key);
    expect(get("none")).toBeNull();
    expect(get("bools")).toEqual([true, false]);
    expect(get("ints")).toEqual([0, -1, 255, 65535, -(2 ** 31), 2 ** 40, -(2n ** 63n), 2n ** 70n]);
    expect(get("floats")).toEqual([0.1, -1e300, Number.POSITIVE_INFINITY]);
    expect(get("text")).toBe("naïve 人 🚀 \\ \n");
    expect(get("bytes")).toEqual(bytes(0, 255, 128));
    expect(get("bytearray")).toEqual(bytes(1, 2));
    expect(get("tuple")).toEqual([1, [2, 3], []]);
    expect(get("set")).toEqual([7]);
    expect(get("frozenset")).toEqual([8]);
    expect(get("complex")).toEqual(opaque("builtins.complex", [1, 2]));
    expect(get("slice")).toEqual(opaque("builtins.slice", [1, 5, null]));
    expect(get("ordered")).toEqual(
      new Map([
        ["b", 1],
        ["a", 2],
      ]),
    );
    expect(get("default")).toEqual(new Map([["k", [1]]]));
    expect(get("posix")).toBe("/home/user/best.pt");
    expect(get("windows")).toBe("C:\\runs\\exp");
    expect(get("size")).toEqual([1, 3]);
    expect(get("dtype")).toBe("torch.float16");
    expect(get("device")).toBe("cuda:1");
    expect(["f64", "f32", "f16", "i64", "u8", "flag"].map(get)).toEqual([0.5, 0.25, -1.5, -(2 ** 40), 200, true]);
    expect(get("array")).toEqual({ dtype: "int32", shape: [2, 3], data: Int32Array.of(0, 1, 2, 3, 4, 5) });
    expect(get("fortran")).toEqual({ dtype: "float64", shape: [2, 3], data: Float64Array.of(0, 1, 2, 3, 4, 5) });
    expect(get("big")).toEqual({ dtype: "float32", shape: [3], data: Float32Array.of(0, 1, 2) });
    expect(get("numpy_dtype")).toBe("float32");
    expect(get("strings")).toMatchObject({ kind: "opaque", className: "numpy.ndarray" });
    const shared = get("shared");
    if (!Array.isArray(shared)) throw new Error("shared is a list");
    expect(shared[0]).toBe(shared[1]);
    expect(get("len")).toEqual(opaque("builtins.len"));
  });
});

describe("damaged and hostile pickles give one clear error", () => {
  const cases: readonly [name: string, pickle: string, message: RegExp][] = [
    ["empty", "", /ends at byte 0/],
    ["no STOP", "K\x01", /ends at byte 2/],
    ["a string longer than the pickle", `X${le(1000)}abc.`, /ends at byte 9/],
    ["a 2^63-byte string", `\x8d${le(2n ** 63n, 8)}a.`, /ends at byte/],
    ["a line without an end", "I12", /does not end/],
    ["protocol 6", "\x80\x06N.", /protocol 6/],
    ["an unknown opcode", "\xff.", /unknown pickle opcode 0xff at byte 0/],
    ["EXT1", "\x82\x01.", /unknown pickle opcode 0x82/],
    ["an out-of-band buffer", "\x97.", /unknown pickle opcode 0x97/],
    ["an empty stack", ".", /more values than its stack holds/],
    ["a value below the mark", "K\x01(a.", /more values than its stack holds/],
    ["no mark", "K\x01t.", /no mark/],
    ["an empty memo", "h\x05.", /memo 5/],
    ["append to a number", "K\x01K\x02a.", /appends to a number/],
    ["item of a list", "]K\x01K\x02s.", /sets an item of a list/],
    ["a key without a value", "}(K\x01u.", /key without a value/],
    ["call with a number", "cfoo\nBar\nK\x01R.", /number instead of a tuple/],
    ["an int that is none", "Iabc\n.", /"abc" is not an integer/],
    ["a float that is none", "Fabc\n.", /"abc" is not a float/],
    ["an unquoted string", "Sabc\n.", /not a quoted string/],
    ["a huge integer", `\x8b${le(100000)}.`, /integer of 100000 bytes/],
    ["a tensor over a list", "ctorch._utils\n_rebuild_tensor_v2\n(]K\x00))tR.", /over a list instead of a storage/],
    ["OrderedDict of numbers", "ccollections\nOrderedDict\n(](K\x01etR.", /not a pair/],
  ];
  it.each(cases)("%s", (_, pickle, message) => {
    expect(() => unpickle(pickle)).toThrow(CheckpointError);
    expect(() => unpickle(pickle)).toThrow(message);
  });

  it("reads a hundred thousand nested lists without recursion", () => {
    let value = unpickle(`${"(".repeat(100_000)}${"t".repeat(100_000)}.`);
    let depth = 0;
    for (; Array.isArray(value); value = value[0]) depth++;
    expect(depth).toBe(100_000);
  });

  it("reads a billion-laughs structure as a small graph", () => {
    let pickle = "K\x01q\x00";
    for (let i = 1; i < 200; i++)
      pickle += `(${`h${String.fromCharCode(i - 1)}`.repeat(10)}tq${String.fromCharCode(i)}`;
    // Gone through as a tree it would not end.
    expect(unpickle(`${pickle}.`)).toHaveLength(10);
  });

  it("limits memory by the file's size", () => {
    // Two million dictionaries would take some hundred megabytes.
    expect(() => unpickle(`(${"}".repeat(2_000_000)}t.`)).toThrow(/more memory than a file of its size should/);
    // One string, copied again and again.
    const long = text("x".repeat(1_000_000));
    const copies = `h\x00\x85R0c_codecs\nencode\n`.repeat(200);
    expect(() => unpickle(`${long}q\x000c_codecs\nencode\n${copies}h\x00\x85R.`)).toThrow(/more memory/);
    // A path of repeated parts.
    const parts = "h\x00".repeat(300);
    expect(() => unpickle(`${long}q\x000cpathlib\nPosixPath\n(${parts}tR.`)).toThrow(/more memory/);
    // A class name that grows.
    const name = text("n".repeat(1000));
    expect(() =>
      unpickle(`c__builtin__\ngetattr\n(cfoo\nBar\n${name}tRq\x00c__builtin__\ngetattr\n(h\x00${name}tR.`),
    ).toThrow(/class name of more than/);
  });

  it("limits the size of integers that are read as text", () => {
    expect(unpickle(`I${int(0).length}\n.`)).toBe(5);
    expect(() => unpickle(`L${"9".repeat(3000)}L\n.`)).toThrow(/not an integer/);
  });
});
