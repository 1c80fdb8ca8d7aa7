// What a program may ask for: one without types is answered in sentences, before any work.
import { z } from "zod";

const path = z.string().min(1).meta({ needed: "a path" });

const pictures = z
  .union([z.string().min(1), z.looseObject({ kind: z.enum(["array", "folder"]) })])
  .meta({ needed: "a folder, a known name or an open dataset" });

const settings = z.looseObject({}).meta({ needed: "an object of settings" });

export const askedOfPretrain = z.looseObject({ data: pictures, settings, out: path.optional(), from: path.optional() });

export const askedOfResume = z.looseObject({ run: path, settings, data: pictures.optional() });

export const askedOfRepresentation = z.looseObject({
  source: z.string().min(1).meta({ needed: "a run's folder, a weights.safetensors, pixels or untrained" }),
  size: z.number().int().min(8).max(1024).optional(),
  device: z
    .string()
    .regex(/^(auto|cpu|cuda(:\d+)?)$/)
    .meta({ needed: "auto, cpu, cuda or cuda:N" })
    .optional(),
  precision: z.enum(["auto", "bf16", "fp32"]).optional(),
  seed: z.number().int().min(0).max(4294967295).optional(),
});

export const askedOfImport = z.looseObject({
  source: z.string().min(1).meta({ needed: "a file, an address or a name of the catalogue" }),
  out: path,
  take: z.string().min(1).optional(),
  partial: z.boolean().optional(),
  normalization: z.enum(["imagenet", "swav", "half", "cifar10", "none"]).optional(),
  size: z.number().int().min(8).max(1024).optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{6,64}$/)
    .meta({ needed: "6 to 64 hexadecimal digits" })
    .optional(),
});
