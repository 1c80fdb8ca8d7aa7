/** Several processes as one: how they were started, how they agree, who is missing. */
export { type Launch, launchFrom, startedHere } from "./launch.ts";
export { FaultOfAnother } from "./messages.ts";
export { giveOrders, type Orders, obeyOrders } from "./orders.ts";
export { byLeader, type JoinOptions, joinTeam, leads, type OwnRows, type RowsOfAll, type Team } from "./team.ts";
