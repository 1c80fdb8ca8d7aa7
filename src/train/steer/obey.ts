// A run is steered between its steps: the leader takes requests and writes down what they change, and every process takes it on at the same step.
import type { ActEvent } from "../run/log.ts";
import { trySaving } from "../saving.ts";
import { emit, type Session } from "../session.ts";
import type { Settings } from "../settings/settings.ts";
import { takeOn } from "../state.ts";
import { settle } from "../taken-steps.ts";
import { type ChangeRecord, recordChange, withChanges } from "./changes.ts";
import { type Received, reasonOf } from "./inbox.ts";
import { wantedChanges } from "./steerable.ts";
import { aheadOf } from "./steering.ts";

/** An answer to a request, as every process is told it. */
type Answer = Omit<ActEvent, "event" | "step">;

/** More than one team has processes: says that the leader has something to tell. */
const somethingToTell = 1 << 20;

/** Does what requests and the run's own past ask for. Returns whether this process, or any other of its team, shall stop. */
export async function obey(session: Session): Promise<boolean> {
  tellActs(session, takeOnDue(session));
  const { team, steering } = session;
  const received = steering.inbox.look();
  const isAsked = session.isStopping?.() === true;
  if (!team) return carryOut(session, answersTo(session, received)) || isAsked;
  const wishes = team.sum((isAsked ? 1 : 0) + (received.length > 0 ? somethingToTell : 0));
  const answers = wishes >= somethingToTell ? await team.byLeader(() => answersTo(session, received)) : [];
  return carryOut(session, answers) || wishes % somethingToTell > 0;
}

/** Takes on what the run's past has for this step, and returns it. */
export function takeOnDue(session: Session): ChangeRecord[] {
  const { steering, state } = session;
  const due = steering.ahead.filter(({ step }) => step <= state.step);
  if (due.length === 0) return [];
  steering.ahead = steering.ahead.slice(due.length);
  changeSettings(session, withChanges(session.settings, due));
  return due;
}

/** Logs acts of the run's past that its log does not have, as after a crash. */
export function tellActs(session: Session, records: readonly ChangeRecord[]): void {
  for (const { step, ...record } of records.filter(({ request }) => !session.steering.logged.has(request)))
    emit(session, { event: "act", step, act: "set", ...record });
}

function changeSettings(session: Session, settings: Settings): void {
  settle(session, 0); // what was taken with the settings of before is told with them
  takeOn(session.state, settings);
  session.settings = settings;
}

/** Requests in their order, up to one to stop. A change is written down before anybody takes it on; what cannot be written is refused. */
function answersTo(session: Session, received: readonly Received[]): Answer[] {
  const stop = received.findIndex((one) => "request" in one && one.request.act === "stop");
  let { settings } = session;
  return received.slice(0, stop < 0 ? undefined : stop + 1).flatMap((one) => {
    if (session.steering.known.has(one.id)) return forgotten(session, one.id);
    const answer = answerTo(session, settings, one);
    if (answer.act === "set") settings = withChanges(settings, [recordOf(session, answer)]);
    return [answer];
  });
}

/** It took effect before the process that answered it was killed. */
function forgotten({ steering }: Session, id: string): Answer[] {
  steering.inbox.answered(id);
  return [];
}

function answerTo(session: Session, settings: Settings, received: Received): Answer {
  const via = "request" in received ? received.request.via : "unknown";
  const head = { time: new Date().toISOString(), request: received.id, who: session.steering.who, via };
  if ("reason" in received) return { ...head, act: "refused", reason: received.reason };
  const { request } = received;
  if (request.act !== "set") return { ...head, act: request.act };
  try {
    const answer = { ...head, act: "set" as const, changes: wantedChanges(settings, request.settings) };
    recordChange(session.folder, recordOf(session, answer));
    return answer;
  } catch (cause) {
    return { ...head, act: "refused", asked: "set", reason: reasonOf(cause) };
  }
}

const recordOf = ({ state }: Session, { time, request, who, via, changes = [] }: Answer): ChangeRecord => ({
  step: state.step,
  time,
  request,
  who,
  via,
  changes,
});

/** Returns whether one of them ends the run. */
function carryOut(session: Session, answers: readonly Answer[]): boolean {
  for (const answer of answers) {
    if (answer.act === "set") take(session, recordOf(session, answer));
    settle(session, 0);
    emit(session, { event: "act", step: session.state.step, ...answer });
    if (answer.act === "reorder") session.state.observer?.reorder();
    if (answer.act === "save") trySaving(session);
    session.steering.inbox.answered(answer.request);
  }
  return answers.some(({ act }) => act === "stop");
}

function take(session: Session, record: ChangeRecord): void {
  session.steering.ahead = aheadOf(session.steering.ahead, record);
  changeSettings(session, withChanges(session.settings, [record]));
}
