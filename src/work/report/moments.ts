// B bins. The matrix of a run while it trained, out of what the run observed.
import { dataUri, heatMap, type MatrixMoment, mostMoments } from "../../report/index.ts";
import type { ObservedStep } from "../../serve/answers.ts";
import { observationsOf } from "../../serve/folder/observations.ts";

/** Evenly chosen moments, the first and the last among them; none where nothing was observed. */
export async function matrixMoments(folder: string): Promise<MatrixMoment[]> {
  const observed = observationsOf(folder).steps.filter(({ matrix, diagonal }) => matrix && diagonal);
  const shown = Math.min(mostMoments, observed.length);
  const places = Array.from({ length: shown }, (_, i) =>
    Math.round((i * (observed.length - 1)) / Math.max(1, shown - 1)),
  );
  return Promise.all(places.map((place) => momentOf(observed[place]!)));
}

async function momentOf(observed: ObservedStep): Promise<MatrixMoment> {
  const { side, cells } = matrixOf(observed);
  const { step, meanDiagonal, rmsOffDiagonal } = observed;
  return {
    step,
    uri: await dataUri(heatMap(cells, side)),
    meanDiagonal: meanDiagonal ?? null,
    offDiagonal: rmsOffDiagonal ?? null,
  };
}

/** Correlations [B, B] as observations hold them: (u / 255)² off the diagonal, u / 127.5 - 1 on it. */
export function matrixOf({ matrix, diagonal }: ObservedStep): { side: number; cells: Float32Array } {
  const [bytes, own] = [matrix, diagonal].map((text) => Buffer.from(text ?? "", "base64")) as [Buffer, Buffer];
  const side = Math.floor(Math.sqrt(bytes.length));
  const cells = Float32Array.from({ length: side * side }, (_, i) => (bytes[i]! / 255) ** 2);
  for (let bin = 0; bin < Math.min(side, own.length); bin++) cells[bin * side + bin] = own[bin]! / 127.5 - 1;
  return { side, cells };
}
