// S side in pixels
import { mapped, normals, type Picture, type Random } from "./picture.ts";

export const gaussianNoise = (picture: Picture, deviation: number, random: Random): Picture => {
  const normal = normals(random);
  return mapped(picture, (value) => value + deviation * normal());
};

/** Each value as a count of photons, of which white has `photons` on average. */
export const shotNoise = (picture: Picture, photons: number, random: Random): Picture =>
  mapped(picture, (value) => poisson(value * photons, random()) / photons);

/** The count below which a share of a Poisson distribution lies: its probabilities summed up; means to 700. */
export function poisson(mean: number, share: number): number {
  let [count, probability] = [0, Math.exp(-mean)];
  for (let sum = probability; sum < share && probability > 0; sum += probability) {
    count += 1;
    probability *= mean / count;
  }
  return count;
}

/** Salt and pepper on each value by itself. */
export const impulseNoise = (picture: Picture, share: number, random: Random): Picture =>
  mapped(picture, (value) => {
    const isHit = random() <= share;
    const isSalt = random() <= 0.5;
    return isHit ? Number(isSalt) : value;
  });
