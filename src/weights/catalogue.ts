// Networks that their authors publish, by name. Addresses and figures stand as in the authors' own pages (read in November 2026); what
// was not published there is left out. Nothing is fetched before somebody asks for it.
import { normalizations } from "../augment/index.ts";
import type { BackboneDescription } from "./backbone.ts";

/** One network of the catalogue. */
export interface CatalogueEntry {
  name: string;
  /** What learned it, in a few words. */
  title: string;
  /** The authors' address of the file. */
  url: string;
  /** Where address, licence and figure are published. */
  page: string;
  licence: string;
  /** The figure that is published, and how it was measured. */
  figure: string;
  /** Of the file, where it is published. */
  bytes?: number;
  /** The first hexadecimal digits of the file's SHA-256, or all, where they are published. */
  sha256?: string;
  /** The same of MD5. */
  md5?: string;
  normalization: BackboneDescription["normalization"];
}

const { imagenet } = normalizations;
const usual: BackboneDescription["normalization"] = { mean: [...imagenet.mean], std: [...imagenet.std] };
/** SwAV's own third deviation. */
export const swavNormalization: BackboneDescription["normalization"] = { mean: usual.mean, std: [0.228, 0.224, 0.225] };

const linear = (value: number) => `ImageNet, linear classifier on frozen features: ${value} % top-1`;
const meta = "https://dl.fbaipublicfiles.com";
const nonCommercial = "CC BY-NC 4.0";
type Own = Omit<CatalogueEntry, "normalization" | "page" | "licence"> & Partial<CatalogueEntry>;
type Shared = Pick<CatalogueEntry, "page" | "licence"> & Partial<CatalogueEntry>;

const from = (shared: Shared, entries: readonly Own[]): CatalogueEntry[] =>
  entries.map((entry) => ({ normalization: usual, ...shared, ...entry }));

const barlowTwins = from({ page: "https://github.com/facebookresearch/barlowtwins", licence: "MIT" }, [
  {
    name: "barlow-twins-resnet50",
    title: "Barlow Twins, ResNet-50, 1000 epochs, batch 2048",
    url: `${meta}/barlowtwins/ljng/resnet50.pth`,
    figure: linear(73.5),
  },
  {
    name: "barlow-twins-resnet50-full",
    title: "the same with projector and optimizer",
    url: `${meta}/barlowtwins/ljng/checkpoint.pth`,
    figure: linear(73.5),
  },
]);

const vicreg = from({ page: "https://github.com/facebookresearch/vicreg", licence: "MIT" }, [
  {
    name: "vicreg-resnet50",
    title: "VICReg, ResNet-50",
    url: `${meta}/vicreg/resnet50.pth`,
    figure: linear(73.2),
  },
  {
    name: "vicreg-resnet50x2",
    title: "VICReg, ResNet-50 of twice the width",
    url: `${meta}/vicreg/resnet50x2.pth`,
    figure: linear(75.5),
  },
]);

const dinoFigure = (neighbours: number, value: number) => `${linear(value)}; kNN ${neighbours} %`;
const dinoFile = (name: string) => `${meta}/dino/${name}/${name}.pth`;
const dino = from({ page: "https://github.com/facebookresearch/dino", licence: "Apache-2.0" }, [
  {
    name: "dino-vit-small-16",
    title: "DINO, ViT-S/16",
    url: dinoFile("dino_deitsmall16_pretrain"),
    figure: dinoFigure(74.5, 77),
  },
  {
    name: "dino-vit-small-8",
    title: "DINO, ViT-S/8",
    url: dinoFile("dino_deitsmall8_pretrain"),
    figure: dinoFigure(78.3, 79.7),
  },
  {
    name: "dino-vit-base-16",
    title: "DINO, ViT-B/16",
    url: dinoFile("dino_vitbase16_pretrain"),
    figure: dinoFigure(76.1, 78.2),
  },
  {
    name: "dino-vit-base-8",
    title: "DINO, ViT-B/8",
    url: dinoFile("dino_vitbase8_pretrain"),
    figure: dinoFigure(77.4, 80.1),
  },
  {
    name: "dino-resnet50",
    title: "DINO, ResNet-50",
    url: dinoFile("dino_resnet50_pretrain"),
    figure: dinoFigure(67.5, 75.3),
  },
]);

const moco = from({ page: "https://github.com/facebookresearch/moco", licence: nonCommercial }, [
  {
    name: "moco-v1-resnet50",
    title: "MoCo v1, ResNet-50, 200 epochs",
    url: `${meta}/moco/moco_checkpoints/moco_v1_200ep/moco_v1_200ep_pretrain.pth.tar`,
    figure: linear(60.6),
    md5: "b251726a",
  },
  {
    name: "moco-v2-resnet50-200",
    title: "MoCo v2, ResNet-50, 200 epochs",
    url: `${meta}/moco/moco_checkpoints/moco_v2_200ep/moco_v2_200ep_pretrain.pth.tar`,
    figure: linear(67.7),
    md5: "59fd9945",
  },
  {
    name: "moco-v2-resnet50",
    title: "MoCo v2, ResNet-50, 800 epochs",
    url: `${meta}/moco/moco_checkpoints/moco_v2_800ep/moco_v2_800ep_pretrain.pth.tar`,
    figure: linear(71.1),
    md5: "a04e12f8",
  },
]);

const mocoV3File = (name: string) => `${meta}/moco-v3/${name}/${name}.pth.tar`;
const mocoV3 = from({ page: "https://github.com/facebookresearch/moco-v3", licence: nonCommercial }, [
  {
    name: "moco-v3-resnet50-100",
    title: "MoCo v3, ResNet-50, 100 epochs",
    url: mocoV3File("r-50-100ep"),
    figure: linear(68.9),
  },
  {
    name: "moco-v3-resnet50-300",
    title: "MoCo v3, ResNet-50, 300 epochs",
    url: mocoV3File("r-50-300ep"),
    figure: linear(72.8),
  },
  {
    name: "moco-v3-resnet50",
    title: "MoCo v3, ResNet-50, 1000 epochs",
    url: mocoV3File("r-50-1000ep"),
    figure: linear(74.6),
  },
  {
    name: "moco-v3-vit-small-16",
    title: "MoCo v3, ViT-S/16 (12 heads), 300 epochs",
    url: mocoV3File("vit-s-300ep"),
    figure: linear(73.2),
  },
  {
    name: "moco-v3-vit-base-16",
    title: "MoCo v3, ViT-B/16, 300 epochs",
    url: mocoV3File("vit-b-300ep"),
    figure: linear(76.7),
  },
]);

const swav = from(
  { page: "https://github.com/facebookresearch/swav", licence: nonCommercial, normalization: swavNormalization },
  [
    {
      name: "swav-resnet50",
      title: "SwAV, ResNet-50, 800 epochs, 2x224 + 6x96",
      url: `${meta}/deepcluster/swav_800ep_pretrain.pth.tar`,
      figure: linear(75.3),
    },
    {
      name: "swav-resnet50-100",
      title: "SwAV, ResNet-50, 100 epochs, 2x224 + 6x96",
      url: `${meta}/deepcluster/swav_100ep_pretrain.pth.tar`,
      figure: linear(72.1),
    },
    {
      name: "swav-resnet50x2",
      title: "SwAV, ResNet-50 of twice the width, 400 epochs",
      url: `${meta}/deepcluster/swav_RN50w2_400ep_pretrain.pth.tar`,
      figure: linear(77.3),
    },
    {
      name: "deepcluster-v2-resnet50",
      title: "DeepCluster-v2, ResNet-50, 800 epochs, 2x224 + 6x96",
      url: `${meta}/deepcluster/deepclusterv2_800ep_pretrain.pth.tar`,
      figure: linear(75.2),
    },
  ],
);

const simsiam = from({ page: "https://github.com/facebookresearch/simsiam", licence: nonCommercial }, [
  {
    name: "simsiam-resnet50",
    title: "SimSiam, ResNet-50, 100 epochs, batch 256",
    url: `${meta}/simsiam/models/100ep-256bs/pretrain/checkpoint_0099.pth.tar`,
    figure: linear(68.3),
  },
]);

const visslFile = (path: string) => `${meta}/vissl/model_zoo/${path}`;
const vissl = from({ page: "https://github.com/facebookresearch/vissl/blob/main/MODEL_ZOO.md", licence: "MIT" }, [
  {
    name: "vissl-barlow-twins-resnet50-300",
    title: "Barlow Twins by VISSL, ResNet-50, 300 epochs, batch 2048",
    url: visslFile("barlow_twins/barlow_twins_32gpus_4node_imagenet1k_300ep_resnet50.torch"),
    figure: linear(70.75),
  },
  {
    name: "vissl-barlow-twins-resnet50",
    title: "Barlow Twins by VISSL, ResNet-50, 1000 epochs, batch 2048",
    url: visslFile("barlow_twins/barlow_twins_32gpus_4node_imagenet1k_1000ep_resnet50.torch"),
    figure: linear(71.8),
  },
  {
    name: "vissl-simclr-resnet50",
    title: "SimCLR by VISSL, ResNet-50, 1000 epochs",
    url: visslFile("simclr_rn50_1000ep_simclr_8node_resnet_16_07_20.afe428c7/model_final_checkpoint_phase999.torch"),
    figure: linear(68.8),
  },
]);

const supervised = (value: number) => `ImageNet, its own classifier: ${value} % top-1`;
const torchvisionFile = (name: string) => `https://download.pytorch.org/models/${name}.pth`;
const torchvision = from({ page: "https://github.com/pytorch/vision", licence: "BSD-3-Clause" }, [
  {
    name: "torchvision-resnet18",
    title: "trained with labels, ResNet-18",
    url: torchvisionFile("resnet18-f37072fd"),
    figure: supervised(69.758),
    sha256: "f37072fd",
  },
  {
    name: "torchvision-resnet34",
    title: "trained with labels, ResNet-34",
    url: torchvisionFile("resnet34-b627a593"),
    figure: supervised(73.314),
    sha256: "b627a593",
  },
  {
    name: "torchvision-resnet50",
    title: "trained with labels, ResNet-50 (V2)",
    url: torchvisionFile("resnet50-11ad3fa6"),
    figure: supervised(80.858),
    sha256: "11ad3fa6",
  },
  {
    name: "torchvision-vit-base-16",
    title: "trained with labels, ViT-B/16",
    url: torchvisionFile("vit_b_16-c867db91"),
    figure: supervised(81.072),
    sha256: "c867db91",
  },
]);

export const catalogue: readonly CatalogueEntry[] = [
  ...barlowTwins,
  ...vicreg,
  ...dino,
  ...moco,
  ...mocoV3,
  ...swav,
  ...simsiam,
  ...vissl,
  ...torchvision,
];
