import { openPictures } from "../../../work/pictures.ts";
import { serveStudio } from "../../../work/studio/serve.ts";
import { warn } from "../../terminal/warn.ts";

/** `selfsight studio DATA`. */
export async function studio(data: string, { size }: { size?: number | undefined }): Promise<void> {
  const open = async () => (await openPictures(data, { warn })).dataset;
  await serveStudio(open, size, { input: process.stdin, output: process.stdout });
}
