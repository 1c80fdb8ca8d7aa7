// The ONNX file: messages of onnx.proto (IR version 8, operator set 18) with the fields that our graphs have. Numbers are field numbers.
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Numbers of the file's element types. */
export const elementTypes = { float32: 1, uint8: 2, int64: 7, float16: 10 } as const;
export type ElementType = keyof typeof elementTypes;

/** A constant of the graph. */
export interface Constant {
  name: string;
  type: ElementType;
  shape: readonly number[];
  /** Little-endian, row-major. */
  bytes: Uint8Array;
}

/** A whole number, a fraction (marked as such, since 1.0 and 1 are one in JavaScript), a word, or whole numbers. */
export type Attribute = number | { float: number } | string | readonly number[];

export interface Node {
  operator: string;
  /** Names; "" stands for one that is left out. */
  inputs: readonly string[];
  output: string;
  attributes: Readonly<Record<string, Attribute>>;
}

/** What goes in or comes out; a word in the shape is a length that the caller chooses. */
export interface Port {
  name: string;
  type: ElementType;
  shape: readonly (number | string)[];
}

export interface Graph {
  inputs: readonly Port[];
  outputs: readonly Port[];
  nodes: readonly Node[];
  constants: readonly Constant[];
}

export const operatorSet = 18;
const irVersion = 8;

type Fill = (writer: BinaryWriter) => unknown;

/** A message within a message. */
const message = (writer: BinaryWriter, field: number, fill: Fill): void => {
  writer.tag(field, WireType.LengthDelimited).fork();
  fill(writer);
  writer.join();
};
const text = (writer: BinaryWriter, field: number, value: string) =>
  writer.tag(field, WireType.LengthDelimited).string(value);
const whole = (writer: BinaryWriter, field: number, value: number) => writer.tag(field, WireType.Varint).int64(value);

/** The file's bytes. `facts` are kept in it as name and value. */
export function encodeModel(graph: Graph, producer: { name: string; version: string }, facts: Record<string, string>) {
  const writer = new BinaryWriter();
  whole(writer, 1, irVersion);
  text(writer, 2, producer.name);
  text(writer, 3, producer.version);
  message(writer, 7, (inner) => writeGraph(inner, graph));
  message(writer, 8, (set) => whole(set, 2, operatorSet));
  for (const [name, value] of Object.entries(facts))
    message(writer, 14, (pair) => {
      text(pair, 1, name);
      text(pair, 2, value);
    });
  return writer.finish();
}

function writeGraph(writer: BinaryWriter, { nodes, constants, inputs, outputs }: Graph): void {
  for (const node of nodes) message(writer, 1, (inner) => writeNode(inner, node));
  text(writer, 2, "selfsight");
  for (const constant of constants) message(writer, 5, (inner) => writeConstant(inner, constant));
  for (const port of inputs) message(writer, 11, (inner) => writePort(inner, port));
  for (const port of outputs) message(writer, 12, (inner) => writePort(inner, port));
}

function writeNode(writer: BinaryWriter, { operator, inputs, output, attributes }: Node): void {
  for (const input of inputs) text(writer, 1, input);
  text(writer, 2, output);
  text(writer, 3, output);
  text(writer, 4, operator);
  for (const [name, value] of Object.entries(attributes))
    message(writer, 5, (inner) => {
      text(inner, 1, name);
      writeAttribute(inner, value);
    });
}

/** Field 20 says which of the others holds the value. */
function writeAttribute(writer: BinaryWriter, value: Attribute): void {
  const kindField = 20;
  if (typeof value === "number") whole(whole(writer, 3, value), kindField, 2);
  else if (typeof value === "string") whole(text(writer, 4, value), kindField, 3);
  else if ("float" in value) whole(writer.tag(2, WireType.Bit32).float(value.float), kindField, 1);
  else
    whole(
      value.reduce((inner, item) => whole(inner, 8, item), writer),
      kindField,
      7,
    );
}

function writeConstant(writer: BinaryWriter, { name, type, shape, bytes }: Constant): void {
  for (const length of shape) whole(writer, 1, length);
  whole(writer, 2, elementTypes[type]);
  text(writer, 8, name);
  writer.tag(9, WireType.LengthDelimited).bytes(bytes);
}

function writePort(writer: BinaryWriter, { name, type, shape }: Port): void {
  text(writer, 1, name);
  message(writer, 2, (typed) =>
    message(typed, 1, (tensor) => {
      whole(tensor, 1, elementTypes[type]);
      message(tensor, 2, (dimensions) => {
        for (const length of shape)
          message(dimensions, 1, (one) => (typeof length === "string" ? text(one, 2, length) : whole(one, 1, length)));
      });
    }),
  );
}
