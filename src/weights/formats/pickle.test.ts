// Pickles that ask for more than data: refused with what they ask for, and nothing of it done.
import fc from "fast-check";
import { expect, test } from "vitest";
import { call, dictionary, global, list, outside, pickle, text, tuple, whole } from "../../../test/torch-file.ts";
import { FormatError, UnsafeError } from "./faults.ts";
import { Inert, readPickle } from "./pickle.ts";
import { torchWorld } from "./torch-objects.ts";

const read = (bytes: Buffer) =>
  readPickle(
    bytes,
    torchWorld(() => "outside"),
  ).value;
const bytes = (...parts: (number | string | Uint8Array)[]) =>
  Buffer.concat(
    parts.map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part as string, "latin1"))),
  );

test("data of every kind that checkpoints hold", () => {
  const value = dictionary([
    ["epoch", whole(3)],
    ["large", whole(2 ** 40)],
    ["negative", whole(-5)],
    ["words", list(text("a"), text("ü"))],
    ["pair", tuple(bytes("N"), bytes(0x88))],
    ["rate", bytes("G", Buffer.from("3fe0000000000000", "hex"))],
    ["ordered", call(global("collections", "OrderedDict"), list(tuple(text("k"), whole(1))))],
    ["old", bytes("U", 3, "abc")],
  ]);
  expect(read(pickle(value))).toEqual(
    new Map<string, unknown>([
      ["epoch", 3],
      ["large", 2 ** 40],
      ["negative", -5],
      ["words", ["a", "ü"]],
      ["pair", [null, true]],
      ["rate", 0.5],
      ["ordered", new Map([["k", 1]])],
      ["old", "abc"],
    ]),
  );
});

test("protocol 4 with frames and memory; a class beside the weights is a name and no more", () => {
  const short = (word: string) => bytes(0x8c, word.length, word);
  const namespace = bytes(
    short("argparse"),
    0x94,
    short("Namespace"),
    0x94,
    0x93,
    ")",
    0x81,
    "}",
    short("lr"),
    "K",
    5,
    "s",
    "b",
  );
  const found = read(bytes(0x80, 4, 0x95, Buffer.alloc(8), namespace, "."));
  expect(found).toBeInstanceOf(Inert);
  expect((found as Inert).className).toBe("argparse.Namespace");
});

/** Ways to run something, gathered from what is published on hostile pickles. */
const hostile: readonly (readonly [string, Buffer])[] = [
  ["os.system", call(global("os", "system"), text("touch /tmp/owned"))],
  ["posix.system", call(global("posix", "system"), text("touch /tmp/owned"))],
  ["nt.system", call(global("nt", "system"), text("x"))],
  ["subprocess.Popen", call(global("subprocess", "Popen"), list(text("sh")))],
  ["subprocess.check_output", call(global("subprocess", "check_output"), text("id"))],
  ["builtins.eval", call(global("builtins", "eval"), text("1"))],
  ["builtins.exec", call(global("__builtin__", "exec"), text("1"))],
  ["builtins.getattr", call(global("builtins", "getattr"), text("a"), text("b"))],
  ["builtins.__import__", call(global("builtins", "__import__"), text("os"))],
  ["builtins.open", call(global("builtins", "open"), text("/etc/passwd"))],
  ["builtins.compile", call(global("builtins", "compile"), text("1"))],
  ["builtins.apply", call(global("__builtin__", "apply"), text("1"))],
  ["pkgutil.resolve_name", call(global("pkgutil", "resolve_name"), text("os:system"))],
  ["importlib.import_module", call(global("importlib", "import_module"), text("os"))],
  ["runpy.run_path", call(global("runpy", "run_path"), text("/tmp/x.py"))],
  ["pty.spawn", call(global("pty", "spawn"), text("sh"))],
  ["socket.create_connection", call(global("socket", "create_connection"), tuple(text("127.0.0.1"), whole(1)))],
  ["urllib.request.urlopen", call(global("urllib.request", "urlopen"), text("http://127.0.0.1/"))],
  ["webbrowser.open", call(global("webbrowser", "open"), text("http://127.0.0.1/"))],
  ["shutil.rmtree", call(global("shutil", "rmtree"), text("/tmp/x"))],
  ["os.remove", call(global("os", "remove"), text("/tmp/x"))],
  ["ctypes.CDLL", call(global("ctypes", "CDLL"), text("libc.so.6"))],
  ["code.InteractiveInterpreter", call(global("code", "InteractiveInterpreter"))],
  ["timeit.timeit", call(global("timeit", "timeit"), text("1"))],
  ["cProfile.run", call(global("cProfile", "run"), text("1"))],
  ["pdb.run", call(global("pdb", "run"), text("1"))],
  ["bdb.Bdb.run", call(global("bdb", "Bdb.run"), text("1"))],
  ["idlelib.pyshell.ModifiedInterpreter.runcode", call(global("idlelib.pyshell", "ModifiedInterpreter.runcode"))],
  ["lib2to3.pgen2.grammar.Grammar.loads", call(global("lib2to3.pgen2.grammar", "Grammar.loads"))],
  ["operator.methodcaller", call(global("operator", "methodcaller"), text("system"))],
  ["operator.attrgetter", call(global("operator", "attrgetter"), text("system"))],
  ["functools.partial", call(global("functools", "partial"), global("collections", "OrderedDict"))],
  ["functools.reduce", call(global("functools", "reduce"))],
  ["itertools.starmap", call(global("itertools", "starmap"))],
  ["types.FunctionType", call(global("types", "FunctionType"))],
  ["types.CodeType", call(global("types", "CodeType"))],
  ["marshal.loads", call(global("marshal", "loads"), text("x"))],
  ["pickle.loads", call(global("pickle", "loads"), text("x"))],
  ["_pickle.loads", call(global("_pickle", "loads"), text("x"))],
  ["torch.load", call(global("torch", "load"), text("x"))],
  ["torch.hub.load", call(global("torch.hub", "load"), text("x"))],
  ["torch.jit.load", call(global("torch.jit", "load"), text("x"))],
  ["torch.storage._load_from_bytes", call(global("torch.storage", "_load_from_bytes"), text("x"))],
  ["torch.ops.load_library", call(global("torch.ops", "load_library"), text("x"))],
  ["torch.utils.cpp_extension.load_inline", call(global("torch.utils.cpp_extension", "load_inline"))],
  ["numpy.load", call(global("numpy", "load"), text("x"))],
  ["numpy.testing._private.utils.runstring", call(global("numpy.testing._private.utils", "runstring"))],
  [
    "asyncio.unix_events._UnixSubprocessTransport._start",
    call(global("asyncio.unix_events", "_UnixSubprocessTransport._start")),
  ],
  ["distutils.file_util.write_file", call(global("distutils.file_util", "write_file"))],
  ["__main__.Payload", bytes(global("__main__", "Payload"), ")", 0x81)],
  ["torchvision.models.resnet.ResNet", bytes(global("torchvision.models.resnet", "ResNet"), ")", 0x81)],
  ["builtins.constructor", call(global("builtins", "constructor"))],
  ["__proto__.toString", call(global("__proto__", "toString"))],
];

test.each(hostile)("%s is refused by name, wherever it stands", (name, value) => {
  const nested = list(dictionary([["state", tuple(call(global("collections", "OrderedDict"), list(value)))]]));
  for (const bytesOf of [value, nested, outside(value), bytes(global("argparse", "Namespace"), ")", 0x81, value, "b")])
    expect(() => read(pickle(bytesOf))).toThrow(new UnsafeError(`it asks for ${name}, which weights do not need`));
});

test("a name from the stack is as much refused as one in a line", () => {
  expect(() => read(pickle(bytes(text("os"), text("system"), 0x93), 4))).toThrow(/asks for os\.system/);
});

const known = new Set(
  "\x80\x95.(N\x88\x89JKM\x8a\x8bGX\x8c\x8d\x8eTUBC]ae)t\x85\x86\x87}su\x8f\x90\x91qr\x94hjc\x93R\x81bQ",
);
const others = Array.from({ length: 256 }, (_, code) => code).filter((code) => !known.has(String.fromCharCode(code)));

test("every opcode that is not on the list is refused with its place", () => {
  expect(others.length).toBeGreaterThan(190);
  for (const code of others)
    expect(() => read(bytes(0x80, 2, code, "N."))).toThrow(/^opcode .+ at byte 2 of its pickle is none of those/);
});

test.each([
  ["an unknown protocol", bytes(0x80, 6, "N."), /protocol 6 is unknown/],
  ["an empty stack", bytes(0x80, 2, "."), /its stack is empty/],
  ["a missing argument", bytes(0x80, 2, "R."), /opcode R at byte 2 .*its stack is empty/],
  ["a mark too few", bytes(0x80, 2, "t."), /no mark/],
  ["a mark too many", bytes(0x80, 2, "(N."), /leaves 1 values over/],
  ["a mark as a value", bytes(0x80, 2, "(\x85."), /its stack is empty/],
  ["no end", bytes(0x80, 2, "N"), /ends at byte 3 without an end mark/],
  ["nothing", Buffer.alloc(0), /ends at byte 0/],
  ["a place that nothing was put in", bytes(0x80, 2, "j", Buffer.from("ffffff7f", "hex"), "."), /no place 2147483647/],
  [
    "a length of 2 GiB",
    bytes(0x80, 2, "X", Buffer.from("ffffff7f", "hex"), "a."),
    /2147483647 bytes are asked for, 2 follow/,
  ],
  ["a length of 2^63", bytes(0x80, 4, 0x8d, Buffer.from("ffffffffffffff7f", "hex"), "a."), /bytes are asked for/],
  [
    "a number of 64 kB",
    bytes(0x80, 2, 0x8b, Buffer.from("00000100", "hex"), Buffer.alloc(65536), "."),
    /a whole number has 65536 bytes/,
  ],
  ["a text that is none", bytes(0x80, 2, "X", Buffer.from("01000000ff", "hex"), "."), /not UTF-8/],
  ["a name without an end", bytes(0x80, 2, "cos"), /a name does not end/],
  ["a number that is called", bytes(0x80, 2, "K\x01)R."), /no function is called/],
  ["arguments that are none", bytes(0x80, 2, global("collections", "OrderedDict"), "NR."), /no tuple/],
  ["keys for a list", bytes(0x80, 2, "]NNs."), /no dictionary/],
  ["a key without a value", bytes(0x80, 2, "}(Nu."), /a key has no value/],
  ["values for a dictionary", bytes(0x80, 2, "}Na."), /no list/],
  ["a state for a number", bytes(0x80, 2, "K\x01Nb."), /no state/],
])("%s is refused", (_, given, reason) => {
  expect(() => read(given)).toThrow(FormatError);
  expect(() => read(given)).toThrow(reason);
});

test("a million lists in one another, and a memory at its highest place, cost no more than they weigh", () => {
  expect(read(bytes(0x80, 2, "]".repeat(1), ...Array.from({ length: 3 }, () => "]a"), "."))).toEqual([[], [], []]);
  const deep = Buffer.concat([bytes(0x80, 2), Buffer.alloc(1_000_000, "]"), Buffer.alloc(999_999, "a"), bytes(".")]);
  expect(Array.isArray(read(deep))).toBe(true);
  expect(read(bytes(0x80, 2, "Nr", Buffer.from("ffffffff", "hex"), "."))).toBe(null);
});

test("any bytes end with a value or one of our two refusals", () => {
  const parts = fc.constantFrom(
    ...hostile.map(([, value]) => value),
    text("a"),
    tuple(),
    list(whole(1)),
    bytes("Nb"),
    bytes("}s"),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(parts, fc.uint8Array({ maxLength: 8 }))), (pieces) => {
      try {
        read(Buffer.concat([bytes(0x80, 2), ...pieces, bytes(".")]));
      } catch (error) {
        if (!(error instanceof FormatError || error instanceof UnsafeError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});
