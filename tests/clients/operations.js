// What every client does: send a message, follow it to its end, and look at it. The rest is the client's own way.

export const [url, key] = process.argv.slice(2);
export const socketUrl = url.replace("http", "ws");
export const authorization = `Bearer ${key}`;

export const SEND = `
  mutation Send($input: SendMessageInput!) {
    sendMessage(input: $input) {
      __typename
      ... on SendMessageSuccess { message { id status } }
    }
  }`;
export const FOLLOW = `
  subscription Follow($id: ID!) {
    messageStatus(id: $id, afterSequence: 0) { sequence status }
  }`;
export const LOOK = `
  query Look($id: ID!) {
    message(id: $id) { id status }
  }`;

export const input = { senderId: "MyCorp", recipient: "233200000901", text: "Hello" };

/** Run all three, each a function of its variables that returns every result's data, and print what came. */
export async function run({ send, follow, look }) {
  const [{ sendMessage }] = await send({ input });
  const { id, status } = sendMessage.message;
  const events = (await follow({ id })).map(({ messageStatus: { sequence, status } }) => ({ sequence, status }));
  const [{ message }] = await look({ id });
  console.log(JSON.stringify({ id, sent: status, events, found: message.status }));
}
