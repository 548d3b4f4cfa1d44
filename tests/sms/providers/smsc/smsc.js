// An SMSC over the npm package `smpp`, told by lines of JSON what to do, and telling by lines of JSON what it saw.
//
// What it tells is written before it answers: also when it is killed in between, it is known what it had taken.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import smpp from "smpp";

const settings = {
  host: "127.0.0.1",
  port: 0,
  password: "secret",
  status: 0, // of each answer to a submit_sm; null: none comes
  statuses: [], // of the next answers, before `status`
  nack: false, // refuse by a generic_nack
  most: Infinity, // submits a second; the rest is throttled
  ids: "hex", // or decimal
  first: 1, // the first id
  delay: 0, // milliseconds until the answer
  receipts: null, // "tlv", "text": what follows each submit that asks for a receipt
  bind: 0, // status of the answer to a bind
  enquire: true, // answer enquire_link
  repeats: true, // bring again what was not taken
  quiet: false, // tell nothing
  orders: true, // take some, and end with them
  ...JSON.parse(process.argv[2] ?? "{}"),
};
let next = settings.first;
let second = 0;
let taken = 0;
const sessions = new Set();
const undelivered = new Map(); // what was not taken yet, and is brought again until it is
const brought = new Map(); // by which session something is under way now

function tell(what, more = {}) {
  if (settings.quiet) return;
  process.stdout.write(JSON.stringify({ what, ...more }) + "\n");
}

function idOf(number) {
  if (settings.ids === "none") return "";
  return settings.ids === "hex" ? number.toString(16).toUpperCase().padStart(8, "0") : String(number);
}

function statusOf() {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) [second, taken] = [now, 0];
  const status = settings.statuses.length ? settings.statuses.shift() : settings.status;
  if (status === 0 && ++taken > settings.most) return smpp.ESME_RTHROTTLED;
  return status;
}

function submitted(session, pdu) {
  const status = statusOf();
  const number = next;
  if (status === 0) next += 1;
  const text = pdu.short_message;
  tell("submit", {
    status,
    id: status === 0 ? idOf(number) : null,
    source: [pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr],
    destination: [pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr],
    data_coding: pdu.data_coding,
    esm_class: pdu.esm_class,
    registered_delivery: pdu.registered_delivery,
    valid_for: pdu.validity_period ? Math.round((pdu.validity_period - Date.now()) / 1000) : null,
    udh: (text.udh ?? []).map((one) => one.toString("hex")),
    text: text.message.toString(),
    payload: pdu.message_payload?.message.toString() ?? null,
  });
  if (status === null) return;
  const answer = () => {
    if (settings.nack) session.generic_nack({ sequence_number: pdu.sequence_number, command_status: status });
    else session.send(pdu.response({ command_status: status, message_id: status === 0 ? idOf(number) : "" }));
    if (status === 0 && pdu.registered_delivery && settings.receipts) receipt(pdu, number);
  };
  if (settings.delay) setTimeout(answer, settings.delay);
  else answer();
}

function receipt(pdu, number) {
  const id = settings.receipts === "tlv" ? idOf(number) : String(number);
  const base = { source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4 };
  const text = `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:`;
  const tlvs = settings.receipts === "tlv" ? { receipted_message_id: id, message_state: 2 } : {};
  deliver({ ...base, ...tlvs, short_message: settings.receipts === "tlv" ? "" : text }, `receipt ${number}`);
}

function deliver(fields, tag) {
  undelivered.set(tag, fields);
  bring(tag);
}

function bring(tag) {
  const [session] = sessions;
  if (!session || !undelivered.has(tag) || brought.get(tag) === session) return;
  brought.set(tag, session);
  session.deliver_sm(undelivered.get(tag), ({ command_status: status }) => {
    brought.delete(tag);
    tell("deliver_sm_resp", { tag, status });
    if (status === 0 || !settings.repeats) undelivered.delete(tag);
    else setTimeout(bring, 50, tag);
  });
}

function octets(fields) {
  const read = ([name, value]) => [name, value?.hex === undefined ? value : Buffer.from(value.hex, "hex")];
  return Object.fromEntries(Object.entries(fields).map(read));
}

function serve(session) {
  session.on("bind_transceiver", (pdu) => {
    const refused = pdu.password !== settings.password ? smpp.ESME_RINVPASWD : settings.bind;
    tell("bind", {
      system_id: pdu.system_id,
      system_type: pdu.system_type,
      version: pdu.interface_version,
      status: refused,
    });
    session.send(pdu.response({ command_status: refused, system_id: "smsc", sc_interface_version: 0x34 }));
    if (refused) return;
    sessions.add(session);
    for (const tag of undelivered.keys()) bring(tag);
  });
  session.on("submit_sm", (pdu) => submitted(session, pdu));
  session.on("enquire_link", (pdu) => {
    tell("enquire_link");
    if (settings.enquire) session.send(pdu.response());
  });
  session.on("unbind", (pdu) => {
    tell("unbind");
    session.send(pdu.response());
    session.close();
  });
  session.on("generic_nack", (pdu) => tell("generic_nack", { status: pdu.command_status }));
  session.on("unbind_resp", () => {
    tell("unbind_resp");
    session.close();
  });
  session.on("close", () => {
    sessions.delete(session);
    tell("closed");
  });
  session.on("error", () => sessions.delete(session));
}

const orders = {
  set: (given) => Object.assign(settings, given),
  deliver: ({ fields, tag }) => deliver(octets(fields), tag),
  drop: () => sessions.forEach((session) => session.destroy()),
  unbind: () => sessions.forEach((session) => session.unbind()),
  raw: ({ hex }) => sessions.forEach((session) => session.socket.write(Buffer.from(hex, "hex"))),
  stop_reading: () => sessions.forEach((session) => session.socket.pause()),
};

const tls = settings.key ? { key: readFileSync(settings.key), cert: readFileSync(settings.cert) } : {};
const server = smpp.createServer(tls, serve);
server.listen(settings.port, settings.host, () => tell("listening", { port: server.address().port }));
if (settings.orders) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const { order, ...given } = JSON.parse(line);
    orders[order](given);
  });
  lines.on("close", () => process.exit());
}
