/** Runs as typed data: each opens with its command, hardware, time and what to expect. */
import type { PartialSettings } from "../train/index.ts";
import { cifar10 } from "./cifar10.ts";
import { fashionMnist } from "./fashion-mnist.ts";
import { imagenet } from "./imagenet.ts";
import { shapes } from "./shapes.ts";

export const recipes = { cifar10, "fashion-mnist": fashionMnist, imagenet, shapes } as const satisfies Record<
  string,
  PartialSettings
>;
