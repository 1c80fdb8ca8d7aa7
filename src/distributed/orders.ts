// A command that process 0 carries out while the others do what it asks of them, one order after the other.
import type { Team } from "./team.ts";

/** How process 0 speaks to those that wait for it. */
export interface Orders<Order> {
  readonly team: Team;
  /** Tells the others what to do; they are at it when it resolves. What it takes together follows, then `carriedOut`. */
  give(order: Order): Promise<void>;
  /** They wait again. */
  carriedOut(): void;
}

type Told<Order> = { order: Order } | { end: number };

/**
 * In process 0: `work`, which may give orders; the others wait meanwhile for as long as this process lives. They end with the exit code
 * that `exitCode` then says, or of the same error.
 */
export async function giveOrders<Order, T>(
  team: Team,
  work: (orders: Orders<Order>) => Promise<T>,
  exitCode: () => number,
): Promise<T> {
  let next: ReturnType<typeof nextWord<Order>> | undefined = nextWord<Order>(team);
  try {
    const value = await work({
      team,
      async give(order) {
        const told = next!;
        next = undefined;
        await told.say({ order });
      },
      carriedOut() {
        next ??= nextWord(team);
      },
    });
    await next?.say({ end: exitCode() });
    return value;
  } catch (error) {
    await next?.fail(error);
    throw error;
  }
}

/** A word that the others wait for from now on. */
function nextWord<Order>(team: Team) {
  let resolve: (word: Told<Order>) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const word = new Promise<Told<Order>>((...settle) => {
    [resolve, reject] = settle;
  });
  const told = team.byLeader(() => word);
  told.catch(() => {}); // it is the error that was given
  return {
    say(said: Told<Order>): Promise<unknown> {
      resolve(said);
      return told;
    },
    fail(error: unknown): Promise<unknown> {
      reject(error);
      return told.catch(() => {});
    },
  };
}

/** In the others: what they are told, until the end, whose exit code is returned. Errors: what process 0 ended of; those of `obey`. */
export async function obeyOrders<Order>(team: Team, obey: (order: Order) => Promise<void>): Promise<number> {
  for (;;) {
    const told = await team.byLeader<Told<Order>>(neverLed);
    if ("end" in told) return told.end;
    await obey(told.order);
  }
}

const neverLed = (): never => {
  throw new Error("the others lead nothing");
};
