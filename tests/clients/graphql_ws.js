// The library graphql-ws: everything over one websocket.

import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { FOLLOW, LOOK, SEND, authorization, run, socketUrl } from "./operations.js";

const client = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  retryAttempts: 0,
});

const execute = (query) => async (variables) => {
  const results = [];
  for await (const { data, errors } of client.iterate({ query, variables })) {
    if (errors) throw errors;
    results.push(data);
  }
  return results;
};

await run({ send: execute(SEND), follow: execute(FOLLOW), look: execute(LOOK) });
await client.dispose();
