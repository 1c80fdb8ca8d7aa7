/** Several processes as one: how they were started, how they agree, who is missing. */
export { type Launch, launchFrom, startedHere } from "./launch.ts";
export { joinTeam, leads, type Team } from "./team.ts";
