// One of two processes: nccl-member.ts RANK PORT DEVICE PART. Prints whether NCCL was chosen, and the sum of a number of theirs.

import { tensor } from "../../src/torch/index.ts";
import { openMeeting, openNccl, sumOverProcesses } from "../../src/torch/processes.ts";

const [rank, port, device, part] = process.argv.slice(2) as [string, string, string, string];
const meeting = openMeeting("127.0.0.1", Number(port), rank === "0", 60_000);
const group = meeting.open({ rank: Number(rank), size: 2, prefix: "p", address: "127.0.0.1", milliseconds: 60_000 });
openNccl(group, device, part);
const sum = tensor(Float32Array.of(Number(rank) + 1), [1]);
sumOverProcesses([sum], group);
console.log(JSON.stringify([group.usesNccl, sum.item()]));
meeting.set(`done-${rank}`, "");
if (rank === "0") meeting.get("done-1", 60_000); // it keeps the store
group.leave();
