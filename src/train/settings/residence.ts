import { z } from "zod";

/** Runs that began without it: auto. */
export const residentPictures = z
  .enum(["auto", "on", "off"])
  .default("auto")
  .describe(
    "whether pictures of one size are copied to the device once, when the run starts; auto: to a GPU, where they take a quarter of its free memory at most",
  );
