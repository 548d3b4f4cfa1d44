// urql: JSON for queries (with GET) and mutations, server-sent events for subscriptions.

import { Client, fetchExchange } from "@urql/core";
import { onEnd, pipe, subscribe } from "wonka";
import { FOLLOW, LOOK, SEND, authorization, run, url } from "./operations.js";

const client = new Client({
  url,
  exchanges: [fetchExchange],
  fetchOptions: { headers: { authorization } },
  fetchSubscriptions: true,
  preferGetMethod: true,
});

const results = (source) =>
  new Promise((resolve, reject) => {
    const found = [];
    pipe(
      source,
      onEnd(() => resolve(found)),
      subscribe(({ data, error, hasNext }) => {
        if (error) reject(error);
        // Its last result says only that there is none; that of a query or a mutation does not end the source.
        if (found.at(-1) !== data) found.push(data);
        if (!hasNext) resolve(found);
      }),
    );
  });

await run({
  send: (variables) => results(client.mutation(SEND, variables)),
  follow: (variables) => results(client.subscription(FOLLOW, variables)),
  look: (variables) => results(client.query(LOOK, variables)),
});
