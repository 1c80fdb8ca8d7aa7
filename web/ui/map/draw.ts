// N points. Drawn by WebGL, all in one call; on their way from one map to the next the graphics card moves them.
import type { View } from "./places.ts";

export interface Drawn {
  /** Places [N, 2] to come from and to go to. */
  from: Float32Array;
  to: Float32Array;
  /** Of each point its class. */
  classes: Uint8Array;
  /** 1 for those that stand out; empty: none does. */
  chosen: Uint8Array;
}

export interface PointDrawing {
  load(points: Drawn): void;
  /** `way` from 0 to 1; light or dark ground. */
  draw(view: View, way: number, isDark: boolean): void;
}

/** Eight colours that the colour-blind tell apart (Okabe and Ito); beyond them, other forms. */
export const palette = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#d55e00",
  "#8a7a00",
  "#7f7f7f",
] as const;

const vertexSource = `
attribute vec2 from; attribute vec2 to; attribute float kind; attribute float chosen;
uniform vec3 view; uniform vec2 half_; uniform float way; uniform float size; uniform vec3 colours[8]; uniform float any;
varying vec4 colour; varying float form;
void main() {
  vec2 place = mix(from, to, way);
  gl_Position = vec4((place - view.xy) * view.z / half_, 0.0, 1.0);
  gl_PointSize = size * (chosen > 0.5 ? 1.6 : 1.0);
  int own = int(mod(kind, 8.0));
  vec3 rgb = colours[7];
  for (int i = 0; i < 8; i++) if (i == own) rgb = colours[i];
  colour = vec4(rgb, any > 0.5 && chosen < 0.5 ? 0.18 : 0.85);
  form = mod(floor(kind / 8.0), 3.0);
}`;

const fragmentSource = `
precision mediump float;
varying vec4 colour; varying float form;
void main() {
  vec2 p = 2.0 * gl_PointCoord - 1.0;
  if (form < 0.5 ? dot(p, p) > 1.0 : form > 1.5 && abs(p.x) + abs(p.y) > 1.0) discard;
  gl_FragColor = vec4(colour.rgb * colour.a, colour.a);
}`;

/** Draws on a canvas; undefined where the browser has no WebGL. */
export function pointDrawing(canvas: HTMLCanvasElement): PointDrawing | undefined {
  const gl = canvas.getContext("webgl", { antialias: false, preserveDrawingBuffer: true });
  const program = gl && compiled(gl);
  if (!gl || !program) return undefined;
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const uniform = (name: string) => gl.getUniformLocation(program, name);
  gl.uniform3fv(uniform("colours"), palette.flatMap(rgbOf));
  const places = Object.fromEntries(["view", "half_", "way", "size", "any"].map((name) => [name, uniform(name)]));
  const buffers = new Map<string, WebGLBuffer>();
  let count = 0;
  return {
    load({ from, to, classes, chosen }) {
      count = to.length / 2;
      const each: [string, Float32Array | Uint8Array, number][] = [
        ["from", from, 2],
        ["to", to, 2],
        ["kind", classes, 1],
        ["chosen", chosen.length === count ? chosen : new Uint8Array(count), 1],
      ];
      for (const [name, values, size] of each) fill(gl, program, buffers, { name, values, size });
      gl.uniform1f(places.any!, chosen.some((one) => one > 0) ? 1 : 0);
    },
    draw({ x, y, zoom }, way, isDark) {
      const [red, green, blue] = isDark ? [0.114, 0.125, 0.149] : [0.96, 0.965, 0.973];
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(red!, green!, blue!, 1);
      gl.clear(gl.COLOR_BUFFER_BIT);
      const ratio = canvas.width / Math.max(1, canvas.clientWidth);
      gl.uniform3f(places.view!, x, y, zoom * ratio);
      gl.uniform2f(places.half_!, canvas.width / 2, canvas.height / 2);
      gl.uniform1f(places.way!, way);
      gl.uniform1f(places.size!, ratio * (count > 10_000 ? 4 : count > 2000 ? 6 : 8));
      gl.drawArrays(gl.POINTS, 0, count);
    },
  };
}

const rgbOf = (colour: string): number[] => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);

interface Attribute {
  name: string;
  values: Float32Array | Uint8Array;
  size: number;
}

function fill(
  gl: WebGLRenderingContext,
  program: WebGLProgram,
  buffers: Map<string, WebGLBuffer>,
  own: Attribute,
): void {
  const buffer = buffers.get(own.name) ?? gl.createBuffer();
  buffers.set(own.name, buffer);
  const place = gl.getAttribLocation(program, own.name);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, own.values, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, own.size, own.values instanceof Uint8Array ? gl.UNSIGNED_BYTE : gl.FLOAT, false, 0, 0);
}

function compiled(gl: WebGLRenderingContext): WebGLProgram | undefined {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, vertexSource],
    [gl.FRAGMENT_SHADER, fragmentSource],
  ] as const) {
    const shader = gl.createShader(kind);
    if (!shader) return undefined;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : undefined;
}
