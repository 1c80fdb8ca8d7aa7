import { Presets, SingleBar } from "cli-progress";
import type { OnProgress } from "../../data/index.ts";
import { displayName } from "../../errors.ts";
import { bytesText } from "./amounts.ts";

const plainLineEverySeconds = 10;

/** Shows a download on the error output: a bar on a terminal, a plain line every few seconds in a pipe. */
export function downloadProgress(stream: NodeJS.WriteStream = process.stderr): { show: OnProgress; stop(): void } {
  return stream.isTTY ? barOn(stream) : linesOn(stream);
}

function barOn(stream: NodeJS.WriteStream) {
  const format = "{file} {bar} {percentage} % of {size}, {eta_formatted} left";
  let bar: SingleBar | undefined;
  const show: OnProgress = ({ file, receivedBytes, totalBytes }) => {
    const total = totalBytes ?? receivedBytes;
    if (!bar) {
      bar = new SingleBar({ stream, format, hideCursor: true, clearOnComplete: true }, Presets.rect);
      bar.start(total, receivedBytes, { file: displayName(file), size: bytesText(total) });
    }
    bar.setTotal(total);
    bar.update(receivedBytes, { size: bytesText(total) });
  };
  return { show, stop: () => bar?.stop() };
}

function linesOn(stream: NodeJS.WriteStream) {
  let shownAt = Number.NEGATIVE_INFINITY;
  const show: OnProgress = ({ file, receivedBytes, totalBytes }) => {
    if (performance.now() - shownAt < 1000 * plainLineEverySeconds) return;
    shownAt = performance.now();
    const of = totalBytes === undefined ? "" : ` of ${bytesText(totalBytes)}`;
    stream.write(`${displayName(file)}: ${bytesText(receivedBytes)}${of}\n`);
  };
  return { show, stop: () => {} };
}
