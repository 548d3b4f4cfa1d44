// Relay's runtime: fetch for queries and mutations, graphql-ws for subscriptions.
// What its compiler would make of the documents is written out below.

import { createClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";
import { FOLLOW, LOOK, SEND, authorization, run, socketUrl, url } from "./operations.js";

const { Environment, Network, Observable, RecordSource, Store, commitMutation, fetchQuery, requestSubscription } = relay;

const scalar = (name) => ({ kind: "ScalarField", name, alias: null, args: null, storageKey: null });
const linked = (name, concreteType, args, selections) => ({
  kind: "LinkedField", name, concreteType, args, selections, alias: null, plural: false, storageKey: null,
});
const variable = (name) => ({ kind: "Variable", name, variableName: name });
const compiled = (operationKind, type, name, text, argument, selections) => {
  const argumentDefinitions = [{ kind: "LocalArgument", name: argument, defaultValue: null }];
  return {
    kind: "Request",
    fragment: { kind: "Fragment", name, type, argumentDefinitions, selections, abstractKey: null, metadata: null },
    operation: { kind: "Operation", name, argumentDefinitions, selections },
    params: { id: null, cacheID: name, metadata: {}, name, operationKind, text },
  };
};

const message = (args) => linked("message", "Message", args, [scalar("id"), scalar("status")]);
const sendMessage = linked("sendMessage", null, [variable("input")], [
  scalar("__typename"),
  { kind: "InlineFragment", type: "SendMessageSuccess", abstractKey: null, selections: [message(null)] },
]);
const messageStatus = linked(
  "messageStatus",
  "MessageStatusEvent",
  [{ kind: "Literal", name: "afterSequence", value: 0 }, variable("id")],
  [scalar("sequence"), scalar("status")],
);
const mutation = compiled("mutation", "Mutation", "Send", SEND, "input", [sendMessage]);
const subscription = compiled("subscription", "Subscription", "Follow", FOLLOW, "id", [messageStatus]);
const query = compiled("query", "Query", "Look", LOOK, "id", [message([variable("id")])]);

const socket = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  retryAttempts: 0,
});
const fetched = async ({ text }, variables) => {
  const headers = { authorization, "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query: text, variables }) });
  return response.json();
};
const subscribed = ({ text }, variables) =>
  Observable.create((sink) => socket.subscribe({ query: text, variables }, sink));
const environment = new Environment({
  network: Network.create(fetched, subscribed),
  store: new Store(new RecordSource()),
});

await run({
  send: (variables) =>
    new Promise((resolve, reject) => {
      const onCompleted = (data, errors) => (errors ? reject(errors) : resolve([data]));
      commitMutation(environment, { mutation, variables, onCompleted, onError: reject });
    }),
  follow: (variables) =>
    new Promise((resolve, reject) => {
      const found = [];
      requestSubscription(environment, {
        subscription,
        variables,
        onNext: (data) => found.push(data),
        onError: reject,
        onCompleted: () => resolve(found),
      });
    }),
  look: async (variables) => [await fetchQuery(environment, query, variables).toPromise()],
});
await socket.dispose();
