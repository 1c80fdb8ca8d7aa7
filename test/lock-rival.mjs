// Tries to lock ROUNDS folders below FOLDER, each at its own moment from BEGIN on (a loser waits two seconds), and reports which it got; then it waits to be killed.
import { join } from "node:path";
import { createJiti } from "jiti";

const [folder, rounds, begin] = process.argv.slice(2);
const { lockRunFolder } = await createJiti(import.meta.url).import("../src/train/run/lock.ts");
const won = [];
for (let round = 0; round < Number(rounds); round++) {
  while (Date.now() < Number(begin) + 2200 * round);
  try {
    lockRunFolder(join(folder, String(round)));
    won.push(round);
  } catch (error) {
    if (error.kind !== "configuration") throw error;
  }
}
process.send(won);
process.on("message", () => {}); // stays alive, and so its locks in force, until it is killed
