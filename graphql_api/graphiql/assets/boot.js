// Starts GraphiQL on the address that this page came from: HTTP for queries and mutations, a websocket for subscriptions.
"use strict";

const QUERY = `# 1. Press ▶ and choose "Send". The answer comes once the message is stored for good.
# 2. Press ▶ and choose "Follow". Each change of its status arrives live, until a final one.
#
# The input is under "Variables"; the id of the message that you sent is put there for you.
# Your API key goes under "Headers": {"Authorization": "Bearer <key>"}. In the demo you need none.

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
  input: {
    senderId: "MyCorp",
    recipient: "233200000901",
    text: "Your code is 1234",
  },
  id: "",
};

const here = window.location.origin + window.location.pathname;
const fetcher = GraphiQL.createFetcher({
  url: here,
  subscriptionUrl: here.replace(/^http/, "ws"),
});

/** Return the variables with the id of the message that a result tells of, or null if there is nothing to change. */
function withSentId(result, variables) {
  const sent = Object.values(result?.data ?? {}).find((one) => one?.message?.id);
  if (!sent) {
    return null;
  }
  try {
    const given = JSON.parse(variables);
    return "id" in given ? JSON.stringify({ ...given, id: sent.message.id }, null, 2) : null;
  } catch {
    return null; // the user is writing something of their own
  }
}

const explorer = GraphiQLPluginExplorer.explorerPlugin();
const name = React.createElement(GraphiQL.Logo, null, React.createElement("span", { className: "service-name" }, "SMS messaging"));

function Page() {
  const [variables, setVariables] = React.useState(JSON.stringify(VARIABLES, null, 2));
  const latest = React.useRef(variables);
  latest.current = variables;
  const send = React.useCallback(async (request, options) => {
    const result = await fetcher(request, options);
    const mended = withSentId(result, latest.current);
    if (mended !== null) {
      setVariables(mended);
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
