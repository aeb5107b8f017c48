// A worker on the AWS SDK for JavaScript v3: so many loops that poll, each task handled by a program or within the process, and
// reported. Nothing is kept, no heartbeats go out.
//
// ACTIVITY_ARN, CONCURRENCY, HANDLER (a program, or nothing), and what the SDK reads.

import { spawn } from "node:child_process";
import { Agent } from "node:https";
import { setTimeout } from "node:timers/promises";
import { GetActivityTaskCommand, SendTaskFailureCommand, SendTaskSuccessCommand, SFNClient } from "@aws-sdk/client-sfn";

const { ACTIVITY_ARN, CONCURRENCY, HANDLER } = process.env;
const concurrency = Number(CONCURRENCY);
const client = new SFNClient({
  requestHandler: { httpsAgent: new Agent({ keepAlive: true, maxSockets: 2 * concurrency }) },
});

async function work() {
  const task = await client.send(new GetActivityTaskCommand({ activityArn: ACTIVITY_ARN, workerName: "peer" }));
  if (!task.taskToken) return;
  const taskToken = task.taskToken;
  let output;
  try {
    output = await handle(task.input);
  } catch {
    await client.send(new SendTaskFailureCommand({ taskToken }));
    return;
  }
  await client.send(new SendTaskSuccessCommand({ taskToken, output }));
}

function handle(input) {
  if (!HANDLER) return input;
  return new Promise((resolve, reject) => {
    const child = spawn(HANDLER, { stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(output) : reject(new Error(`exit code ${code}`))));
    child.stdin.on("error", () => {}); // it need not read its input
    child.stdin.end(input);
  });
}

async function poll() {
  for (;;) {
    // Whatever it was: a second later again.
    await work().catch(() => setTimeout(1000));
  }
}

await Promise.all(Array.from({ length: concurrency }, poll));
