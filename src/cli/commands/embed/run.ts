import { basename } from "node:path";
import type { Split } from "../../../data/index.ts";
import { displayName } from "../../../errors.ts";
import { embedPictures, openPictures } from "../../../work/embed.ts";
import { type PictureIndex, refuseOtherName } from "../../../work/picture-index.ts";
import { openRepresentation, type RepresentationOptions, rulesOfSource } from "../../../work/representation.ts";
import { type SampleOptions, sampleRules } from "../../terminal/sample-rules.ts";
import { warn } from "../pretrain/run.ts";

export interface EmbedOptions extends SampleOptions, Pick<RepresentationOptions, "precision" | "size"> {
  out: string;
  split?: Split | undefined;
  json?: true | undefined;
}

/** `selfsight embed RUN_OR_WEIGHTS DATA --out FILE`: the features of every picture, or of one, as an index. */
export async function embed(source: string, data: string, options: EmbedOptions): Promise<void> {
  refuseOtherName(options.out);
  const pictures = await openPictures(data, {
    ...options,
    rules: { ...rulesOfSource(source), ...sampleRules(options) },
    warn,
  });
  const representation = openRepresentation(source, pictures.dataset, { ...options, warn });
  try {
    const index = await embedPictures(representation, pictures, {
      onBadFile: ({ reason }) => warn(reason),
      onRemark: warn,
    });
    index.save(options.out);
    say(index, options);
  } finally {
    representation.free();
  }
}

function say({ length, dimensions, notes }: PictureIndex, { out, json }: EmbedOptions): void {
  const { names: _, ...facts } = notes;
  const part = facts.split === "all" ? "" : ` the ${facts.split} split of`;
  const files = `to ${displayName(out)}, their names to ${displayName(basename(out))}.json`;
  const sentence = `wrote ${length} embeddings of ${dimensions} values ${files}: all pictures of${part} ${displayName(facts.data)}`;
  console.log(json ? JSON.stringify({ out, length, dimensions, ...facts }, null, 2) : sentence);
}
