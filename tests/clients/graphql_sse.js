// The library graphql-sse in its distinct connections mode: everything as server-sent events.

import { createClient } from "graphql-sse";
import { FOLLOW, LOOK, SEND, authorization, run, url } from "./operations.js";

const client = createClient({ url, headers: { authorization }, retryAttempts: 0 });

const execute = (query) => async (variables) => {
  const results = [];
  for await (const { data, errors } of client.iterate({ query, variables })) {
    if (errors) throw errors;
    results.push(data);
  }
  return results;
};

await run({ send: execute(SEND), follow: execute(FOLLOW), look: execute(LOOK) });
client.dispose();
