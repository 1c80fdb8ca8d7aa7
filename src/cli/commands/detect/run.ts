import { displayName } from "../../../errors.ts";
import { type DetectedPicture, type DetectOptions, detectPictures } from "../../../work/detection/predict.ts";
import { warn } from "../../terminal/warn.ts";

/** `selfsight detect RUN IMAGE...`. */
export async function detect(
  run: string,
  images: string[],
  { json, ...options }: DetectOptions & { json?: true | undefined },
): Promise<void> {
  const found = await detectPictures(run, images, { ...options, warn });
  if (json) {
    console.log(JSON.stringify(found, null, 2));
    return;
  }
  for (const picture of found.pictures) sayPicture(picture);
  if (found.unread.length > 0) console.log(`${found.unread.length} pictures could not be read`);
  if (found.written !== undefined)
    console.log(`look into ${displayName(options.out!)}; ${displayName(found.written)} has it for machines`);
}

function sayPicture({ file, objects }: DetectedPicture): void {
  console.log(`${displayName(file)}: ${objects.length === 0 ? "nothing" : ""}`.trimEnd());
  for (const { class: name, score, box } of objects)
    console.log(
      `  ${(100 * score).toFixed(0).padStart(3)} % ${displayName(name)}  ${box.map((edge) => edge.toFixed(0)).join(" ")}`,
    );
}
