import { displayName } from "../../../errors.ts";
import { classifyPictures } from "../../../work/labels/classify.ts";
import type { ClassifiedPicture, ClassifyOptions } from "../../../work/labels/find.ts";
import { classifyFacts, confidenceText, describeClassified } from "../../../work/labels/page.ts";
import { type AtWorkOptions, atWork } from "../../terminal/at-work.ts";
import { sayWritten } from "../../terminal/written.ts";

const mostShown = 5;

/** `selfsight classify RUN_OR_WEIGHTS DATA --labels LIST`. */
export async function classify(
  source: string,
  data: string,
  options: AtWorkOptions & Pick<ClassifyOptions, "labels" | "teach" | "index">,
): Promise<void> {
  const { written, ...found } = await atWork(options, (given) => classifyPictures(source, data, given));
  if (options.json) {
    console.log(JSON.stringify({ ...classifyFacts(found), ...(written && { written }) }, null, 2));
    return;
  }
  console.log(describeClassified(found));
  for (const name of found.classes) {
    console.log(`${displayName(name)}, the surest first:`);
    for (const picture of found.pictures.filter(({ label }) => label === name).slice(0, mostShown)) sayPicture(picture);
  }
  if (found.teach.length > 0) console.log(`these ${found.teach.length} would teach most:`);
  for (const picture of found.teach) sayPicture(picture);
  console.log(confidenceText(found));
  sayWritten(written);
}

const sayPicture = ({ name, label, confidence }: ClassifiedPicture): void =>
  console.log(`  ${(100 * confidence).toFixed(0).padStart(3)} % ${displayName(label)}  ${displayName(name)}`);
