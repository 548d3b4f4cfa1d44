// Apollo Client: JSON over HTTP, and subscriptions over graphql-ws.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { FOLLOW, LOOK, SEND, authorization, run, socketUrl, url } from "./operations.js";

const socket = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  retryAttempts: 0,
});
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: url, headers: { authorization } }),
  ),
});

const follow = (variables) =>
  new Promise((resolve, reject) => {
    const found = [];
    client.subscribe({ query: gql(FOLLOW), variables }).subscribe({
      next: ({ data, error }) => (error ? reject(error) : found.push(data)),
      error: reject,
      complete: () => resolve(found),
    });
  });

await run({
  send: async (variables) => [(await client.mutate({ mutation: gql(SEND), variables })).data],
  follow,
  look: async (variables) => [(await client.query({ query: gql(LOOK), variables })).data],
});
client.stop();
await socket.dispose();
