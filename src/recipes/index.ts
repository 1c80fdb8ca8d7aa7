/** Runs as typed data: each opens with its command, hardware, time and what to expect. */
import type { PartialSettings } from "../train/index.ts";
import { byol as cifar10Byol } from "./cifar10/byol.ts";
import { mocoV2 as cifar10MocoV2 } from "./cifar10/moco-v2.ts";
import { simclr as cifar10Simclr } from "./cifar10/simclr.ts";
import { simsiam as cifar10Simsiam } from "./cifar10/simsiam.ts";
import { supervised as cifar10Supervised } from "./cifar10/supervised.ts";
import { swav as cifar10Swav } from "./cifar10/swav.ts";
import { vicreg as cifar10Vicreg } from "./cifar10/vicreg.ts";
import { cifar10 } from "./cifar10.ts";
import { cifar10Quick } from "./cifar10-quick.ts";
import { cifar10Speedrun80, cifar10Speedrun90 } from "./cifar10-speedrun.ts";
import { fashionMnist } from "./fashion-mnist.ts";
import { byol as imagenetByol } from "./imagenet/byol.ts";
import { mocoV2 as imagenetMocoV2 } from "./imagenet/moco-v2.ts";
import { simclr as imagenetSimclr } from "./imagenet/simclr.ts";
import { simsiam as imagenetSimsiam } from "./imagenet/simsiam.ts";
import { supervised as imagenetSupervised } from "./imagenet/supervised.ts";
import { swav as imagenetSwav } from "./imagenet/swav.ts";
import { vicreg as imagenetVicreg } from "./imagenet/vicreg.ts";
import { imagenet } from "./imagenet.ts";
import { shapes } from "./shapes.ts";
import { shapesSpeedrun } from "./shapes-speedrun.ts";

export { lightly, lightlySgd, lightlyViews } from "./cifar10/lightly.ts";
export { soloLearn, soloLearnLars } from "./cifar10/solo-learn.ts";
export { cifar10Lars } from "./cifar10.ts";

/** A bare name is Barlow Twins; `data/method` another method. */
export const recipes = {
  cifar10,
  "cifar10-quick": cifar10Quick,
  "cifar10-speedrun-80": cifar10Speedrun80,
  "cifar10-speedrun-90": cifar10Speedrun90,
  "cifar10/simclr": cifar10Simclr,
  "cifar10/moco-v2": cifar10MocoV2,
  "cifar10/byol": cifar10Byol,
  "cifar10/swav": cifar10Swav,
  "cifar10/simsiam": cifar10Simsiam,
  "cifar10/supervised": cifar10Supervised,
  "cifar10/vicreg": cifar10Vicreg,
  "fashion-mnist": fashionMnist,
  imagenet,
  "imagenet/simclr": imagenetSimclr,
  "imagenet/moco-v2": imagenetMocoV2,
  "imagenet/byol": imagenetByol,
  "imagenet/swav": imagenetSwav,
  "imagenet/simsiam": imagenetSimsiam,
  "imagenet/supervised": imagenetSupervised,
  "imagenet/vicreg": imagenetVicreg,
  shapes,
  "shapes-speedrun": shapesSpeedrun,
} as const satisfies Record<string, PartialSettings>;

export type RecipeName = keyof typeof recipes;
