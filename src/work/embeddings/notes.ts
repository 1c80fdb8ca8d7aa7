import { z } from "zod";

export const notesSchema = z.object({
  representation: z.string(),
  source: z.string(),
  trunk: z.string(),
  size: z.number(),
  precision: z.string(),
  data: z.string(),
  from: z
    .union([
      z.object({ folder: z.string() }),
      z.object({ data: z.string(), split: z.enum(["train", "test", "val", "all"]), limit: z.number().optional() }),
    ])
    .nullable(),
  split: z.enum(["train", "test", "val", "all"]),
  shard: z.string().nullable(),
  fingerprint: z.string(),
  names: z.array(z.string()),
  classes: z.array(z.string()).readonly().nullable(),
  badFiles: z.array(z.object({ name: z.string(), reason: z.string() })),
});

/**
 * What the rows of an index are. `names` are paths below the folder (see `nameOfBytes`), or places in the dataset; `source` is what
 * the network was opened by, `trunk` the digest of its weights and reading rules: vectors of another are no neighbours. `from` says
 * where the pictures lie, null where a program made them.
 */
export interface IndexNotes extends z.infer<typeof notesSchema> {}
