// Of each method the picture that tells whether it is well, with a sentence on how to read it.
import type { Observations, ObservedStep } from "../../../../src/serve/answers.ts";
import { Bars } from "../../parts/bars.tsx";
import { shown } from "../../parts/numbers.ts";

interface PicturesProps {
  observed: ObservedStep;
  observations: Observations;
  method: string | null;
}

export function MethodPictures({ observed, observations: { index }, method }: PicturesProps) {
  const { similarities, prototypes, spectrum, stds, effectiveRank, dead } = observed;
  const ends = (pair: readonly (number | null)[] | null | undefined, usual: [number, number]): [string, string] => [
    shown(pair?.[0] ?? usual[0]),
    shown(pair?.[1] ?? usual[1]),
  ];
  return (
    <>
      {similarities && (
        <Bars
          title="Positives against negatives"
          rows={[
            { label: "two views of one picture", values: similarities.positives },
            { label: "different pictures", values: similarities.negatives },
          ]}
          ends={ends(index?.histograms?.similarities, [-1, 1])}
          note="Cosine similarity. It is well when the upper hill stands to the right of the lower one; where both stand at 1, all pictures look the same to it."
        />
      )}
      {prototypes && (
        <Bars
          title="Use of the prototypes"
          rows={[{ label: `${shown(prototypes.perplexity)} of ${prototypes.count} in use`, values: prototypes.used }]}
          ends={["the most used", "the least"]}
          note="Share of the batch that each prototype takes. It is well when the bars are nearly level; a few high ones mean that pictures fall into a few heaps."
        />
      )}
      {spectrum && (
        <Bars
          title={`Spectrum: ${shown(effectiveRank)} directions in use`}
          rows={[{ label: "share of the variance, five decades", values: spectrum }]}
          ends={["first direction", "last"]}
          isLog
          note={spectrumNotes[method ?? ""] ?? spectrumNote}
        />
      )}
      {stds && (
        <Bars
          title={`Spread of the features${dead ? `: ${dead} dead` : ""}`}
          rows={[{ label: "features by their standard deviation", values: stds }]}
          ends={ends(index?.histograms?.std, [0, 2])}
          note="1 is even spread. Features at 0 say nothing; when all stand there, the network gives every picture one answer."
        />
      )}
    </>
  );
}

const spectrumNote =
  "Eigenvalues of the embeddings’ covariance. The flatter, the more directions say something; a cliff after a few means that the others repeat them.";

const spectrumNotes: Record<string, string> = {
  "barlow-twins":
    "Barlow Twins pushes this flat: features that say different things share the variance evenly. A cliff means that λ is too small.",
  byol: "BYOL has nothing that pushes apart but its predictor and teacher: watch that the bars do not fall to one.",
  simsiam: "SimSiam has nothing that pushes apart but its stopped gradient: watch that the bars do not fall to one.",
};
