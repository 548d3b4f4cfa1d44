// How clients see a stream of server-sent events that is cut off before its end.

import { Client, fetchExchange } from "@urql/core";
import { createClient } from "graphql-sse";
import { FOLLOW, authorization, url } from "./operations.js";

const variables = { id: process.argv[4] };

const response = await fetch(url, {
  method: "POST",
  headers: { accept: "text/event-stream", authorization, "content-type": "application/json" },
  body: JSON.stringify({ query: FOLLOW, variables }),
});
const seenByFetch = await response.text().then(() => "complete", (error) => error.name);

const urql = new Client({
  url,
  exchanges: [fetchExchange],
  fetchOptions: { headers: { authorization } },
  fetchSubscriptions: true,
  preferGetMethod: false,
});
const seenByUrql = await new Promise((resolve) => {
  urql.subscription(FOLLOW, variables).subscribe(({ error, hasNext }) => {
    if (error || !hasNext) resolve(error ? error.name : "complete");
  });
});

const sse = createClient({ url, headers: { authorization }, retry: async () => {}, retryAttempts: 2 });
let connections = 0;
sse.iterate({ query: FOLLOW, variables }, { connected: () => connections++ }).next();
const seenBySse = await new Promise((resolve) => {
  const looking = setInterval(() => {
    if (connections === 2) {
      clearInterval(looking);
      resolve("it came back");
    }
  }, 10);
});
sse.dispose();

console.log(JSON.stringify({ fetch: seenByFetch, urql: seenByUrql, graphql_sse: seenBySse }));
process.exit();
