import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../fer/ui/browser/live/connection.js";
import { REPLACED } from "../../fer/ui/browser/messages.js";
import { FakeWorld } from "./world.js";

function opened() {
  const world = new FakeWorld();
  const heard = [];
  const names = ["state", "token", "tooBig", "faces", "replaced"];
  const note = (name) => (...values) => heard.push([name, ...values]);
  const listener = Object.fromEntries(names.map((name) => [name, note(name)]));
  const connection = new Connection(listener, world);
  connection.open("ws://x/live", "one");
  world.last.greet();
  const count = (name) => heard.filter(([one]) => one === name).length;
  const send = () => connection.send(new Blob(["x"]), world.now());
  return { world, heard, connection, count, send };
}

test("a frame is a header and a JPEG", async () => {
  const { world, connection } = opened();
  connection.send(new Blob(["jpeg"]), 7.5);
  const bytes = await world.last.sent[0].arrayBuffer();
  const view = new DataView(bytes);
  assert.equal(view.getUint32(0, true), 1);
  assert.equal(view.getUint32(4, true), 1);
  assert.equal(view.getFloat64(8, true), 7.5);
  assert.equal(new TextDecoder().decode(bytes.slice(16)), "jpeg");
});

test("at most two frames are under way", () => {
  const { world, connection, send } = opened();
  const free = [connection.free];
  for (let at = 0; at < 2; at += 1) {
    send();
    free.push(connection.free);
  }
  world.last.answer({ seq: 2, size: [1, 1], faces: [] }); // settles the first as well
  free.push(connection.free);
  send();
  free.push(connection.free);
  assert.deepEqual(free, [true, true, false, true, true]);
  assert.equal(connection.inFlight, 2);
});

test("an answer comes once, with its delay", () => {
  const { world, heard, send } = opened();
  send();
  world.pass(120);
  world.last.answer({ seq: 1, size: [1, 1], faces: [[1]] });
  world.last.answer({ seq: 1, size: [1, 1], faces: [[2]] });
  const faces = heard.filter(([name]) => name === "faces");
  assert.deepEqual(faces.map(([, answer, delay]) => [answer.faces, delay]), [[[[1]], 120]]);
});

test("tries become slower, but are at most 4.5 s apart", () => {
  const { world } = opened();
  const waits = [];
  for (let at = 0; at < 12; at += 1) {
    world.last.drop();
    waits.push(world.timers[0].at - world.now());
    world.pass(5000);
  }
  assert.ok(waits[0] < 500);
  // The random part may take 40 % off; the doubling still shows over two steps.
  assert.ok(waits[2] > waits[0] && waits[3] > waits[1]);
  assert.ok(Math.max(...waits) < 4500); // back within five seconds of the server
  assert.ok(new Set(waits.slice(6).map(Math.round)).size > 1); // not all classes at once
});

test("waking up connects without waiting", () => {
  const { world, connection } = opened();
  for (let at = 0; at < 6; at += 1) {
    world.last.drop();
    world.pass(5000);
  }
  world.last.drop();
  const before = world.sockets.length;
  connection.retryNow();
  assert.equal(world.sockets.length - before, 1);
  assert.equal(world.timers.length, 0);
  world.last.greet();
  connection.retryNow();
  assert.equal(world.sockets.length - before, 1);
});

for (const begun of ["a frame without an answer", "a socket that never greets"]) {
  test(`a silent connection counts as lost: ${begun}`, () => {
    const { world, connection, send } = opened();
    if (begun.startsWith("a frame")) send();
    else {
      world.last.drop();
      world.pass(400);
    }
    const [before, quiet] = [world.sockets.length, world.last];
    world.pass(10000);
    connection.check(world.now());
    assert.equal(quiet.closed, null);
    world.pass(3000);
    connection.check(world.now());
    world.pass(3000);
    assert.equal(quiet.closed, 1000);
    assert.equal(world.sockets.length - before, 1);
  });
}

test("a refused token is asked for again, and the new one is tried at once", () => {
  const { world, connection, count } = opened();
  world.last.drop(1008);
  const counts = [count("token")];
  connection.check(world.now());
  counts.push(count("token"));
  world.pass(5500);
  connection.check(world.now());
  counts.push(count("token"));
  connection.renew("two", false);
  world.last.greet();
  connection.check(world.now() + 10000);
  counts.push(count("token"));
  assert.deepEqual(counts, [1, 1, 2, 2]);
  assert.equal(world.last.token, "two");
  assert.equal(world.last.url, "ws://x/live"); // which proxies log
  assert.ok(connection.free);
});

test("a token that was accepted is no longer doubted", () => {
  const { world, heard, connection } = opened();
  for (let at = 0; at < 3; at += 1) {
    world.last.drop();
    world.pass(5000);
  }
  world.last.greet();
  const before = heard.length;
  world.pass(20000);
  connection.check(world.now());
  assert.ok(before > 0);
  assert.equal(heard.length, before);
});

test("another lesson changes over at once", () => {
  const { world, connection } = opened();
  const first = world.last;
  connection.renew("other", true);
  assert.equal(first.closed, 1000);
  world.last.greet();
  assert.equal(world.last.token, "other");
  assert.equal(world.sockets.length, 2);
});

for (const [code, state] of [[1013, "busy"], [4002, "unreadable"], [1006, "reconnecting"]]) {
  test(`a connection lost with code ${code} is reported as ${state}`, () => {
    const { world, heard } = opened();
    world.last.drop(code);
    assert.deepEqual(heard.at(-1), ["state", state]);
  });
}

test("a frame that was too big is reported", () => {
  const { world, count } = opened();
  world.last.drop(1009);
  assert.equal(count("tooBig"), 1);
});

test("a closed connection stays closed", () => {
  const { world, connection, send } = opened();
  const first = world.last;
  send();
  connection.close();
  first.drop(1000);
  connection.retryNow();
  connection.check(world.now() + 60000);
  world.pass(60000);
  assert.deepEqual([first.closed, world.sockets.length, connection.free], [1000, 1, false]);
});

test("a tab that was replaced does not connect again by itself", () => {
  const { world, heard, connection } = opened();
  world.last.drop(REPLACED);
  connection.retryNow();
  connection.check(world.now() + 60000);
  world.pass(60000);
  connection.renew("two", false);
  assert.deepEqual([world.sockets.length, connection.free], [1, false]);
  assert.deepEqual(heard.slice(1), [["replaced"]]);
});

test("a tab that was replaced connects when it is started", () => {
  const { world, connection } = opened();
  world.last.drop(REPLACED);
  connection.open("ws://x/live", "two");
  world.last.greet();
  assert.deepEqual([world.sockets.length, connection.free], [2, true]);
});

const LOSSES = {
  silence({ world, connection, send }) {
    send();
    world.pass(13000);
    connection.check(world.now());
    world.pass(500);
  },
  "another lesson": ({ connection }) => connection.renew("one", true),
  "Stop and Start"({ connection }) {
    connection.close();
    connection.open("ws://x/live", "one");
  },
};
for (const [name, lose] of Object.entries(LOSSES)) {
  // The server hears late that the old socket is gone, and closes it because of the new one.
  test(`a socket that its own tab replaced stops nothing: ${name}`, () => {
    const all = opened();
    const before = all.world.last;
    const late = before.onclose; // as it was given: a browser may have the event under way
    lose(all);
    all.world.last.greet();
    late({ code: REPLACED });
    assert.notEqual(before, all.world.last);
    assert.equal(all.count("replaced"), 0);
    assert.ok(all.connection.free);
  });
}

test("at rest nothing is sent and a lost connection is left alone", () => {
  const { world, heard, connection } = opened();
  connection.rest(true);
  assert.equal(connection.free, false);
  world.last.drop(1001); // the server waits no longer
  world.pass(60000);
  connection.check(world.now());
  assert.deepEqual([world.sockets.length, heard.length], [1, 1]);
  connection.rest(false);
  world.last.greet();
  assert.deepEqual([world.sockets.length, connection.free], [2, true]);
});
