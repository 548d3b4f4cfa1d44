// Send a message and follow it with Apollo Client: mutations over HTTP, subscriptions over a websocket.
//
//   npm ci && npm run apollo                                  while `make run` is up

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws"; // browsers, and node from 22 on, have one of their own
import { FOLLOW, SEND, authorization, httpUrl, idOf, input, socketUrl } from "./operations.js";
import type { Followed, Sent } from "./operations.js";

// After a lost connection it subscribes again, with the variables of the first time: skip what is not newer.
const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: authorization });

const client = new ApolloClient({
  // Without this Apollo does not know that a fragment on Refusal is meant for them, and shows an empty object.
  cache: new InMemoryCache({ possibleTypes: { Refusal: ["InvalidMessage", "IdempotencyConflict"] } }),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: httpUrl, headers: authorization }),
  ),
});

const { data } = await client.mutate<Sent>({ mutation: gql(SEND), variables: { input } });
if (!data) throw new Error("There was no answer; the same request with the same key is safe to repeat.");
const id = idOf(data);

let seen = 0;
await new Promise<void>((resolve, reject) => {
  client.subscribe<Followed>({ query: gql(FOLLOW), variables: { id, after: 0 } }).subscribe({
    next: ({ data, error }) => {
      if (error || !data) return reject(error ?? new Error("A change without data."));
      const { sequence, status, errorCode } = data.messageStatus;
      if (sequence <= seen) return;
      seen = sequence;
      console.log(`#${sequence} ${status}${errorCode ? ` ${errorCode}` : ""}`);
    },
    error: reject,
    complete: resolve, // the server has completed it: the status is final
  });
});

client.stop();
await socket.dispose();
