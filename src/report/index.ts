/** LAYER 4: a run as one page: pure functions from figures to markup. It knows nothing of tensors or files. */
export { percent } from "./charts/bar-chart.ts";
export { type DrawOptions, drawDetections } from "./charts/detections.ts";
export { type LineChart, lineChart, type Point, type Series } from "./charts/line-chart.ts";
export { html, Markup } from "./charts/markup.ts";
export { dataUri, heatMap, type PixelImage, thumbnail } from "./charts/picture.ts";
export { type Gallery, type GallerySection, type Group, galleryPage, type Tile } from "./gallery.ts";
export { duration, reportPage } from "./page.ts";
export { type ProductPage, pageIcon, productPage } from "./product-page.ts";
export {
  type PublishedFigure,
  type PublishedRow,
  type PublishedTable,
  type PublishedTableId,
  publishedNames,
  publishedRows,
  publishedTables,
} from "./published/published.ts";
export type {
  Figure,
  LoggedStep,
  MatrixFigure,
  MatrixMoment,
  Measure,
  NeighbourRow,
  PictureMap,
  Report,
  Score,
  Scores,
  Thumbnail,
} from "./report.ts";
export {
  type Evaluated,
  type EvaluatedRow,
  type PublishedBeside,
  withEvaluations,
} from "./sections/evaluations.ts";
export { figureText } from "./sections/scores.ts";
export { mostMoments, style } from "./style.ts";
export { verdict } from "./verdict.ts";
