// Reads messages that Python made (JSON lines on stdin), and prints what it read and made itself.
import { readFileSync } from "node:fs";
import { frameHeader, HEADER_BYTES, parseMessage, REPLACED, UNREADABLE, VERSION } from "../../fer/ui/browser/messages.js";
import { Connection } from "../../fer/ui/browser/live/connection.js";
import { FakeWorld } from "./world.js";

const [hello, answer] = readFileSync(0, "utf8").trim().split("\n");
const world = new FakeWorld();
const readings = [];
const listener = { state() {}, faces: (reading) => readings.push(reading) };
const connection = new Connection(listener, world);
connection.open("ws://x/live", "one");
world.last.onmessage({ data: hello });
connection.send(new Blob(["jpeg"]), 12.5);
const frame = Buffer.from(await world.last.sent[0].arrayBuffer()).toString("hex");
world.last.onmessage({ data: answer });
console.log(
  JSON.stringify({
    greeting: parseMessage(hello).hello,
    limits: [connection.inFlight, connection.maxBytes],
    readings,
    frame,
    header: Buffer.from(frameHeader(7, 1e12).buffer).toString("hex"),
    constants: [VERSION, HEADER_BYTES, REPLACED, UNREADABLE],
  }),
);
