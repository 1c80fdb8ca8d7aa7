// A graph while it is drawn: each operator gives the name of what comes out, and the next one takes it.
import { type Attribute, type Constant, type ElementType, elementTypes, type Graph, type Node } from "./model-file.ts";

export interface Drawing extends Pick<Graph, "nodes" | "constants"> {
  /** Adds a node; the name of its output, `named` or made of its operator and place. */
  node(operator: string, inputs: readonly string[], attributes?: Node["attributes"], named?: string): string;
  /** Learned values, which a half-precision file stores in half precision. */
  weight(name: string, shape: readonly number[], values: Float32Array): string;
  /** Other numbers that are computed with, by default in the type of the weights. */
  fractions(shape: readonly number[], values: readonly number[], type?: Precision): string;
  /** Shapes and places. */
  integers(values: readonly number[]): string;
  /** In which type the network computes. */
  readonly precision: Precision;
}

export type Precision = "float32" | "float16";

export function drawing(precision: Precision): Drawing {
  const nodes: Node[] = [];
  const constants: Constant[] = [];
  const keep = (name: string, type: ElementType, shape: readonly number[], bytes: Uint8Array): string => {
    constants.push({ name, type, shape, bytes });
    return name;
  };
  const real = (name: string, shape: readonly number[], values: Float32Array, type: Precision) =>
    keep(name, type, shape, type === "float16" ? halves(values) : bytesOf(values));
  return {
    ...{ nodes, constants, precision },
    weight: (name, shape, values) => real(name, shape, values, precision),
    node(operator, inputs, attributes: Record<string, Attribute> = {}, named = `${operator}_${nodes.length}`) {
      nodes.push({ operator, inputs, output: named, attributes });
      return named;
    },
    fractions: (shape, values, type = precision) =>
      real(`fractions_${constants.length}`, shape, Float32Array.from(values), type),
    integers: (values) =>
      keep(`integers_${constants.length}`, "int64", [values.length], bytesOf(BigInt64Array.from(values, BigInt))),
  };
}

/** As libtorch's antialiased bicubic: its curve has -0.5, and beyond the edge there is nothing. */
export const bicubic = { mode: "cubic", antialias: 1, cubic_coeff_a: { float: -0.5 }, exclude_outside: 1 } as const;

/** A value in another type. */
export const cast = (to: Drawing, value: string, type: ElementType, named?: string): string =>
  to.node("Cast", [value], { to: elementTypes[type] }, named);

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | BigInt64Array | Uint16Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

const halves = (values: Float32Array): Uint8Array => bytesOf(Uint16Array.from(values, toFloat16));

const scratch = new DataView(new ArrayBuffer(4));

/** Bits of the nearest float16, ties to even; what is too large becomes infinite. */
export function toFloat16(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) return sign | Number(evenly(Math.abs(value) * 2 ** 24)); // below 2^-14: multiples of 2^-24
  const rounded = magnitude + 0x0fff + ((magnitude >>> 13) & 1);
  return sign | ((rounded >>> 13) - (112 << 10)); // a carry goes up into the exponent, and from the largest into infinity
}

/** To the nearest whole number, ties to even. */
function evenly(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
