// Starts GraphiQL on the address that this page came from: HTTP for queries and mutations, a websocket for subscriptions.
"use strict";

const QUERY = `# ▶ Send    is answered once the message is stored
# ▶ Follow  shows each change of its status, live
# ▶ Look    shows its whole history
#
# Variables: the id of what you send is filled in.
# Headers:   {"Authorization": "Bearer <API key>"},
#            which the demo does not ask for.

mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) {
    __typename
    ... on SendMessageSuccess {
      replayed
      message {
        id
        status
        recipient
        segments
      }
    }
    ... on Refusal {
      code
      field
      detail
    }
  }
}

subscription Follow($id: ID!) {
  messageStatus(id: $id) {
    sequence
    status
    final
    providerStatus
    occurredAt
  }
}

query Look($id: ID!) {
  message(id: $id) {
    status
    provider
    providerReference
    events {
      sequence
      status
      occurredAt
    }
  }
}
`;

const VARIABLES = {
  id: "",
  input: {
    senderId: "MyCorp",
    recipient: "233200000901",
    text: "Your code is 1234",
  },
};

const written = (variables) => JSON.stringify(variables, null, 2);

const here = window.location.origin + window.location.pathname;
const fetcher = GraphiQL.createFetcher({
  url: here,
  subscriptionUrl: here.replace(/^http/, "ws"),
  enableIncrementalDelivery: false,
});

/** Whether a request is for a subscription. */
function isSubscription(request, document) {
  return document?.definitions.some(
    (one) => one.operation === "subscription" && (!request.operationName || one.name?.value === request.operationName),
  );
}

/**
 * Return the answer of a server that refuses the key, or null.
 *
 * The socket's client tries a refused key again and again, for half a minute and without a word.
 */
async function refusal(headers) {
  const answer = await fetcher({ query: "{ __typename }" }, { headers });
  return answer.errors ? answer : null;
}

/** Return the variables with the id of the message that was just sent, or null if there is nothing to fill in. */
function withSentId(result, variables) {
  const sent = Object.values(result?.data ?? {}).find((one) => one?.message?.id);
  return sent && variables && "id" in variables ? { ...variables, id: sent.message.id } : null;
}

/** Return the variables of the last visit, where GraphiQL keeps them, or those of the first one. */
function lastVariables() {
  try {
    return localStorage.getItem("graphiql:variables") ?? written(VARIABLES);
  } catch {
    return written(VARIABLES); // the browser keeps nothing
  }
}

const explorer = GraphiQLPluginExplorer.explorerPlugin();
const name = React.createElement(GraphiQL.Logo, null, React.createElement("span", { className: "service-name" }, "SMS messaging"));

function Page() {
  const [variables, setVariables] = React.useState(lastVariables);
  const send = React.useCallback(async (request, options) => {
    if (isSubscription(request, options?.documentAST)) {
      return (await refusal(options.headers)) ?? fetcher(request, options);
    }
    const result = await fetcher(request, options);
    const filledIn = withSentId(result, request.variables);
    if (filledIn) {
      setVariables(written(filledIn));
    }
    return result;
  }, []);
  const settings = {
    fetcher: send,
    defaultQuery: QUERY,
    variables,
    onEditVariables: setVariables,
    defaultEditorToolsVisibility: "variables",
    plugins: [explorer],
  };
  return React.createElement(GraphiQL, settings, name);
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(React.createElement(Page));
