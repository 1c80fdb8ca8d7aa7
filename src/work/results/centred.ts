// N pictures, D features
import { type FeatureTable, featureTensor } from "../../evaluate/index.ts";
import { noGrad, scope } from "../../torch/index.ts";

/** The rows with the mean of all taken off: directions then say what sets pictures apart, not what all have in common. */
export const centred = (table: FeatureTable): FeatureTable => ({
  length: table.length,
  dimensions: table.dimensions,
  values: noGrad(() =>
    scope(() => {
      const rows = featureTensor(table); // [N, D]
      return rows.sub(rows.mean({ dim: 0, keepDim: true })).float32();
    }),
  ),
});
