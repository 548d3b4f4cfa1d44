// PDUs read and written by the npm package `smpp`: a line of JSON in, a line of JSON out.

import { createInterface } from "node:readline";
import smpp from "smpp";

const buffers = (fields) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value?.hex === undefined ? value : Buffer.from(value.hex, "hex")]));

const hex = (value) => (Buffer.isBuffer(value) ? { hex: value.toString("hex") } : value);

function read(octets) {
  const pdu = new smpp.PDU(Buffer.from(octets, "hex"));
  const shown = {};
  for (const [name, value] of Object.entries(pdu)) {
    shown[name] = value?.message === undefined ? hex(value) : hex(value.message);
  }
  return shown;
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { octets, command, fields } = JSON.parse(line);
  const found = octets === undefined ? new smpp.PDU(command, buffers(fields)).toBuffer().toString("hex") : read(octets);
  process.stdout.write(JSON.stringify(found) + "\n");
});
