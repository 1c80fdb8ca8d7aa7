import { displayName } from "../../errors.ts";
import type { Gallery } from "../../report/index.ts";
import type { OpenWork } from "../open-work.ts";
import { thumbnailsOf } from "../results/thumbnails.ts";
import { circumstances, type WrittenResults, writeResults } from "../results/write-results.ts";
import type { SortPlan } from "./plan.ts";

/** Pictures of a group that a page bears. */
const mostShown = 14;

/** What machines are told. */
export const sortFacts = ({ moves, ...facts }: SortPlan) => ({
  ...facts,
  moves: moves.map(({ from, to, group }) => ({ from, to, group })),
});

/** The groups of a plan in its order, with how many files each gets. */
export const groupsOf = ({ moves }: SortPlan): [group: string, count: number][] => {
  const counts = new Map<string, number>();
  for (const { group } of moves) counts.set(group, (counts.get(group) ?? 0) + 1);
  return [...counts];
};

/** Writes FOLDER/sort.json and FOLDER/sort.html. Errors: storage. */
export async function writeSortPlan(
  folder: string,
  plan: SortPlan,
  { pictures: { dataset }, representation }: OpenWork,
): Promise<WrittenResults> {
  const shown = groupsOf(plan).map(([group, count]) => ({
    group,
    count,
    moves: plan.moves.filter((move) => move.group === group).slice(0, mostShown),
  }));
  const uris = await thumbnailsOf(
    dataset,
    shown.flatMap(({ moves }) => moves.map(({ index }) => index)),
  );
  return writeResults(folder, "sort", sortFacts(plan), {
    title: `A plan for ${plan.moves.length.toLocaleString("en")} files`,
    lead: `Where the pictures of ${displayName(plan.data)} would go, below ${displayName(plan.into)}. ${plan.left > 0 ? `${plan.left} stay where they are, because nobody can be sure of them.` : ""}`,
    method: [
      "Nothing is moved until `--go` is said. No file is ever overwritten, and a list that undoes it all is written first.",
    ],
    sections: shown.map(({ group, count, moves }) => ({
      title: `${displayName(group)}: ${count} files`,
      groups: [
        {
          tiles: moves.map(({ index, from }) => ({
            uri: uris.get(index),
            name: from.slice(from.lastIndexOf("/") + 1),
          })),
        },
      ],
    })),
    facts: circumstances(representation, plan.data, plan.moves.length + plan.left),
    commands: [],
  } satisfies Gallery);
}
