import { displayName } from "../../../../errors.ts";
import { percent } from "../../../terminal/percent.ts";
import type { ProtocolCommand } from "../protocol-command.ts";

export const unlabelled: ProtocolCommand<"unlabelled"> = {
  isPaired: false,
  description: "RankMe, alignment and uniformity: what can be said of features without a label",
  options: [],
  splitMeaning: "whose pictures are looked at (default: train)",
  explanation: `RankMe (arXiv 2210.02885): how many directions the features use; larger is better. Alignment (arXiv 2005.10242): mean squared distance of two
views of a picture, from 0; smaller is better. Uniformity: how evenly pictures are spread, from -8 to 0; smaller is better. At most 5,000
pictures unless --limit says another number. No figure is good by itself: compare trunks of one width on one set.`,
  examples: ["selfsight evaluate unlabelled runs/photos --data photos/"],
  print({ protocol, value, rankMe, alignment, uniformity, dimensions, representation, seconds, notes }) {
    console.log(`${protocol}: RankMe ${rankMe.toFixed(1)} of ${dimensions} features (${percent(value)})`);
    console.log(`alignment ${alignment.toFixed(3)}, uniformity ${uniformity.toFixed(3)}`);
    console.log(
      `${displayName(representation.name)}: ${representation.size} pixels, ${representation.device}, ${representation.precision}; features in ${seconds.features.toFixed(1)} s, figures in ${seconds.protocol.toFixed(1)} s`,
    );
    for (const note of notes) console.log(`note: ${note}`);
  },
};
