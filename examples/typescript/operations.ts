// What both examples ask for. The types say what these documents select, no more.

export const url = process.env.SMS_URL ?? "http://127.0.0.1:8080";
export const httpUrl = `${url}/graphql/`;
export const socketUrl = httpUrl.replace("http", "ws");

// The demo account of `make run` needs no key. Keep real ones on a server: whoever has one can send.
const key = process.env.SMS_API_KEY;
export const authorization: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};

export const SEND = `
  mutation Send($input: SendMessageInput!) {
    sendMessage(input: $input) {
      ... on SendMessageSuccess { replayed message { id status } }
      ... on Refusal { code detail }
    }
  }`;

/** A refusal is data, beside what was hoped for: TypeScript makes you look which one it is. */
export interface Sent {
  sendMessage: { replayed: boolean; message: { id: string; status: string } } | { code: string; detail: string };
}

export const FOLLOW = `
  subscription Follow($id: ID!, $after: Int!) {
    messageStatus(id: $id, afterSequence: $after) { sequence status final errorCode }
  }`;

export interface Change {
  sequence: number;
  status: string;
  final: boolean;
  errorCode: string | null;
}

export interface Followed {
  messageStatus: Change;
}

/** Return the message's id, or throw what the service said. */
export function idOf({ sendMessage }: Sent): string {
  if ("code" in sendMessage) throw new Error(`${sendMessage.code}: ${sendMessage.detail}`);
  return sendMessage.message.id;
}

/** A message to the simulator; the key makes a repeated request the same message. */
export const input = {
  senderId: "MyCorp",
  recipient: process.argv[2] ?? "233200000901",
  text: "Your parcel is on its way",
  idempotencyKey: crypto.randomUUID(),
};
