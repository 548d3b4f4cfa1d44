// Send a message and follow it with graphql-ws, also when the connection is lost in between.
//
//   npm ci && npm run follow                                  while `make run` is up
//   npm run follow -- 233200000902 --drop                     cuts its own connection after the second change

import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "graphql-ws";
import WebSocket from "ws"; // browsers, and node from 22 on, have one of their own
import { FOLLOW, SEND, authorization, idOf, input, socketUrl } from "./operations.js";
import type { Change, Followed, Sent } from "./operations.js";

const client = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: authorization,
  retryAttempts: 0, // the library would subscribe again with the variables of the first time; see `follow`
});

// Close codes after which it would be in vain to come back: docs/reliability.md.
const IN_VAIN = new Set([1009, 4400, 4401, 4406, 4409, 4429, 4500]);
const MOST_FAILURES = 8; // in a row

/** Yield every change of a message in order, each once, until the last, over as many connections as that takes. */
async function* follow(id: string): AsyncGenerator<Change> {
  let after = 0; // the last sequence that we have: what the server has to continue from
  let failures = 0;
  for (;;) {
    try {
      const results = client.iterate<Followed>({ query: FOLLOW, variables: { id, after } });
      for await (const { data, errors } of results) {
        if (errors !== undefined || !data) throw errors; // an array: not worth a repeat
        failures = 0;
        after = data.messageStatus.sequence;
        yield data.messageStatus;
      }
      return; // the server has completed it: the status is final
    } catch (problem) {
      failures += 1;
      if (!isLostConnection(problem) || failures > MOST_FAILURES) throw problem;
      console.log(`lost the connection; continuing after #${after}`);
      await sleep(Math.random() * 200 * 2 ** failures); // at random, so that not all clients come back at once
    }
  }
}

/** Whether the connection is the problem: graphql-ws throws a close event, an error event, or what GraphQL says. */
function isLostConnection(problem: unknown): boolean {
  if (typeof problem !== "object" || problem === null || Array.isArray(problem)) return false;
  return !("code" in problem && typeof problem.code === "number" && IN_VAIN.has(problem.code));
}

async function send(): Promise<string> {
  for await (const { data, errors } of client.iterate<Sent>({ query: SEND, variables: { input } })) {
    if (errors !== undefined || !data) throw errors;
    return idOf(data);
  }
  throw new Error("There was no answer; the same request with the same key is safe to repeat.");
}

for await (const { sequence, status, errorCode } of follow(await send())) {
  console.log(`#${sequence} ${status}${errorCode ? ` ${errorCode}` : ""}`);
  if (process.argv.includes("--drop") && sequence === 2) client.terminate(); // what a train in a tunnel does
}
await client.dispose();
