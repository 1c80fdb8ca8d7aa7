// The objective of a run as it is reached: its curves, and what they are made of.
import { useState } from "preact/hooks";
import type { BinnedFigure, Observations, ObservedStep, RunDetails } from "../../../../src/serve/answers.ts";
import { Chart, type Line } from "../../parts/chart.tsx";
import { Matrix, MatrixLegend } from "../../parts/matrix.tsx";
import { shown } from "../../parts/numbers.ts";
import { TimeSlider } from "../../parts/time-slider.tsx";
import { Empty } from "../../parts/words.tsx";
import type { Figures, WatchedRun } from "../../server/run.ts";
import { MethodPictures } from "./method-pictures.tsx";

export function Objective({ run, details }: { run: WatchedRun; details: RunDetails }) {
  const figures = run.figures.value;
  const observations = run.observations.value;
  return (
    <>
      {observations && observations.steps.length > 0 ? (
        <Observed observations={observations} method={details.summary.method} />
      ) : (
        observations && <Empty>No observations of this run: it has none yet, or observeEverySteps is 0.</Empty>
      )}
      <h2>Step by step</h2>
      {figures && figures.steps.length > 0 ? (
        <Curves figures={figures} details={details} observations={observations} />
      ) : (
        <Empty>No steps yet.</Empty>
      )}
    </>
  );
}

/** The matrix and its company at a moment that the reader chooses; until then, at the last one. */
function Observed({ observations, method }: { observations: Observations; method: string | null }) {
  const [place, setPlace] = useState<number | undefined>(undefined);
  const { steps } = observations;
  const at = Math.min(place ?? steps.length - 1, steps.length - 1);
  const observed = steps[at]!;
  return (
    <>
      <TimeSlider steps={steps.map(({ step }) => step)} at={at} onMove={setPlace} />
      <div class="columns">
        {observed.matrix && <MatrixFigure observed={observed} observations={observations} />}
        <MethodPictures observed={observed} observations={observations} method={method} />
      </div>
    </>
  );
}

/** Of the observations, as steps do not say it. */
function Memory({ observations: { steps } }: { observations: Observations }) {
  const own = steps.filter(({ memoryBytes }) => typeof memoryBytes === "number");
  if (own.length === 0) return null;
  const lines = [{ label: "in use", values: own.map(({ memoryBytes }) => memoryBytes! / 1e9) }];
  return <Chart title="Memory" steps={own.map(({ step }) => step)} lines={lines} unit=" GB" />;
}

function MatrixFigure({ observed, observations: { index } }: { observed: ObservedStep; observations: Observations }) {
  const { meanDiagonal, rmsOffDiagonal, largestOffDiagonal, step } = observed;
  const said = `mean of the diagonal ${shown(meanDiagonal)}, the rest ${shown(rmsOffDiagonal)} (root mean square), at most ${shown(largestOffDiagonal)}`;
  const features = index?.orders.find(({ id }) => id === observed.order)?.features.length;
  return (
    <figure>
      <h3>Cross-correlation of the two views’ features</h3>
      <Matrix observed={observed} label={`Cross-correlation matrix at step ${step}: ${said}`} />
      <MatrixLegend />
      <figcaption>
        {said}. A red diagonal on white ground is the aim: features ignore how a picture was changed, and no two say the
        same.
        {features !== undefined && ` ${features} features, alike ones side by side, in ${index!.bins} bins.`}
      </figcaption>
    </figure>
  );
}

const lineOf = (label: string, figure: BinnedFigure | undefined): Line[] =>
  figure ? [{ label, values: figure.mean, low: figure.low, high: figure.high }] : [];

interface CurvesProps {
  figures: Figures;
  details: RunDetails;
  observations: Observations | undefined;
}

function Curves({ figures: { steps, figures }, details, observations }: CurvesProps) {
  const chart = (title: string, lines: Line[], note?: string, more: { isLog?: boolean; unit?: string } = {}) =>
    lines.length > 0 && <Chart title={title} steps={steps} lines={lines} note={note} {...more} />;
  const parts = ["onDiagonal", "offDiagonal", "mixed", "invariance", "variance", "covariance"].flatMap((name) =>
    lineOf(partNames[name]!, figures[name]),
  );
  const percentOf = (name: string): BinnedFigure | undefined => scaled(figures[name], 100);
  return (
    <div class="columns">
      {chart("Loss above its floor", lossLines(figures), floorNote(figures))}
      {chart("Parts of the loss", parts, partsNote(details))}
      {chart(
        "Spread of the embeddings",
        lineOf("feature std", figures.featureStd),
        "1: embeddings are evenly spread; 0: all are one point, which is collapse.",
      )}
      {chart(
        "Effective rank",
        lineOf("directions in use", figures.effectiveRank),
        "How many directions the embeddings use. Near 1, all say the same.",
      )}
      {chart("Dead features", lineOf("features that do not vary", figures.deadDimensions))}
      {chart(
        "Right views found",
        lineOf("share", figures.contrastiveAccuracy),
        "Share of views nearest to their own picture’s other view.",
      )}
      {chart(
        "Accuracy online",
        evaluationLines(steps, details),
        "Of a held-out part of the training pictures; only where there are labels.",
        { unit: " %" },
      )}
      {chart("Learning rate", lineOf("rate", figures.learningRate))}
      {chart("Images a second", lineOf("images/s", figures.imagesPerSecond))}
      {chart(
        "Waiting for pictures",
        lineOf("share of the time", percentOf("dataWaitShare")),
        "Above some 10 % the pictures come too slowly: the network waits.",
        { unit: " %" },
      )}
      {observations && <Memory observations={observations} />}
    </div>
  );
}

const partNames: Record<string, string> = {
  onDiagonal: "on the diagonal",
  offDiagonal: "off the diagonal",
  mixed: "mixed views",
  invariance: "invariance",
  variance: "variance",
  covariance: "covariance",
};

const scaled = (figure: BinnedFigure | undefined, factor: number): BinnedFigure | undefined => {
  const each = (values: (number | null)[]) => values.map((value) => (value === null ? null : value * factor));
  if (!figure) return undefined;
  return {
    mean: each(figure.mean),
    ...(figure.low && { low: each(figure.low) }),
    ...(figure.high && { high: each(figure.high) }),
  };
};

/** The loss as far as it can fall: what lies below its floor no batch of this size can reach. */
function lossLines({ loss, floor }: Record<string, BinnedFigure>): Line[] {
  if (!loss) return [];
  const above = (values: (number | null)[]) =>
    values.map((value, i) => (value === null ? null : value - (floor?.mean[i] ?? 0)));
  return [
    {
      label: "above its floor",
      values: above(loss.mean),
      ...(loss.low && loss.high && { low: above(loss.low), high: above(loss.high) }),
    },
  ];
}

const floorNote = ({ floor }: Record<string, BinnedFigure>): string => {
  const value = floor?.mean.findLast((one) => one !== null);
  return value ? `The floor, ${shown(value)}, is what the loss cannot fall below on a batch of this size.` : "";
};

function partsNote({ settings }: RunDetails): string {
  const lambda = settings?.lambda;
  return typeof lambda === "number" ? `The off-diagonal part counts λ = ${shown(lambda)} times.` : "";
}

/** Accuracies at the nearest shown step. */
function evaluationLines(steps: readonly number[], { evaluations }: RunDetails): Line[] {
  const points = evaluations.filter(({ value }) => typeof value === "number");
  if (points.length === 0) return [];
  const values: (number | null)[] = steps.map(() => null);
  for (const { step, value } of points) {
    const place = steps.findIndex((own) => own >= step);
    values[place < 0 ? steps.length - 1 : place] = 100 * (value as number);
  }
  return [
    {
      label: String(points.at(-1)!.protocol)
        .replace(/^online /, "")
        .split(" ")[0]!
        .slice(0, 40),
      values,
    },
  ];
}
