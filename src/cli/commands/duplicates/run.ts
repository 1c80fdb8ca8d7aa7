import { displayName } from "../../../errors.ts";
import { findDuplicates } from "../../../work/duplicates/duplicates.ts";
import type { DuplicateGroup, DuplicateOptions } from "../../../work/duplicates/find.ts";
import { calibrationTexts, describeDuplicates, duplicateFacts } from "../../../work/duplicates/page.ts";
import { type AtWorkOptions, atWork } from "../../terminal/at-work.ts";
import { sayWritten } from "../../terminal/written.ts";

type CommandOptions = AtWorkOptions & Pick<DuplicateOptions, "threshold" | "candidates">;

const [mostGroups, mostPictures] = [20, 6];

/** `selfsight duplicates RUN_OR_WEIGHTS DATA`. */
export async function duplicates(source: string, data: string, options: CommandOptions): Promise<void> {
  const { written, ...found } = await atWork(options, (given) => findDuplicates(source, data, given));
  if (options.json) {
    console.log(JSON.stringify({ ...duplicateFacts(found), ...(written && { written }) }, null, 2));
    return;
  }
  console.log(describeDuplicates(found));
  for (const group of found.groups.slice(0, mostGroups)) sayGroup(group);
  if (found.groups.length > mostGroups)
    console.log(`and ${found.groups.length - mostGroups} more groups; all of them with --json or --out`);
  for (const sentence of calibrationTexts(found.calibration)) console.log(sentence);
  sayWritten(written);
}

function sayGroup({ pictures }: DuplicateGroup): void {
  for (const { name, likeness, score } of pictures.slice(0, mostPictures))
    console.log(
      likeness === undefined ? displayName(name) : `  = ${displayName(name)}  (${likeness}, ${score!.toFixed(3)})`,
    );
  if (pictures.length > mostPictures) console.log(`  and ${pictures.length - mostPictures} more`);
}
