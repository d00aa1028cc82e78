import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader } from "../../fer/ui/browser/live/reader.js";
import { FakeWorld, settle } from "./world.js";

const frame = () => ({
  width: 8,
  height: 8,
  closed: false,
  close() {
    this.closed = true;
  },
});

function reading() {
  const world = new FakeWorld();
  const posted = [];
  let sent = 0;
  let give = null;
  const readable = {
    getReader: () => ({
      read: () =>
        new Promise((done) => {
          give = (value) => done({ value, done: false });
        }),
      cancel: async () => {},
    }),
  };
  const reader = new Reader((message) => posted.push(message), async () => new Blob(["x"]), world);
  return {
    world,
    posted,
    reader,
    readable,
    give: (value) => give(value),
    order: (name, more = {}) => reader.handle({ do: name, ...more }),
    begin(held = false) {
      const start = { url: "ws://x/live", token: "one", source: "screen", turn: 1, held };
      reader.handle({ do: "start", ...start });
      world.last.greet();
    },
    // Let time pass in steps and answer every frame; return how many came.
    async sends(ms) {
      let count = 0;
      for (let at = 0; at < ms; at += 50) {
        world.pass(50);
        await settle();
        for (const _ of world.last.sent.splice(0)) {
          count += 1;
          sent += 1;
          world.last.answer({ seq: sent, size: [8, 8], faces: [] });
        }
      }
      return count;
    },
  };
}

test("a still window is read and a muted one is not", async () => {
  const { order, begin, give, sends, readable } = reading();
  order("frames", { readable });
  begin();
  give(frame());
  assert.ok((await sends(5000)) >= 5); // one a second
  order("hold", { held: true });
  assert.equal(await sends(5000), 0);
  order("hold", { held: false });
  assert.equal(await sends(5000), 0); // the frame of before is old
  give(frame());
  assert.ok((await sends(5000)) >= 5);
  order("stop");
});

test("what is encoded when the window goes is not sent", async () => {
  const { world, order, begin, give, sends, readable } = reading();
  order("frames", { readable });
  begin();
  give(frame());
  await settle();
  world.pass(300); // it is being encoded
  order("hold", { held: true });
  assert.equal(await sends(3000), 0);
});

test("a start with a muted window waits", async () => {
  const { order, begin, give, sends, readable } = reading();
  order("frames", { readable });
  begin(true);
  give(frame());
  assert.equal(await sends(3000), 0);
  order("hold", { held: false });
  assert.ok((await sends(3000)) > 0);
});

test("no frame is asked for while the window is muted", async () => {
  const { posted, order, begin, sends } = reading();
  const asked = () => posted.filter((message) => message.is === "want").length;
  const bring = async () => {
    const bitmap = frame();
    order("bitmap", { bitmap });
    await settle();
    return bitmap;
  };
  order("frames");
  begin();
  await sends(300);
  assert.equal(asked(), 1);
  order("hold", { held: true });
  const late = await bring(); // of the frozen window
  assert.equal(await sends(5000), 0);
  assert.equal(asked(), 1);
  assert.ok(late.closed);
  order("hold", { held: false });
  await sends(300);
  assert.equal(asked(), 2);
  await bring();
  assert.equal(await sends(300), 1);
});

test("a reading carries its turn, the faces and the class's snapshot", async () => {
  const { world, posted, order, begin, give, readable } = reading();
  order("frames", { readable });
  begin();
  give(frame());
  await settle();
  world.pass(300);
  await settle();
  const faces = [[1, 0, 0, 4, 5, 3, 90]];
  world.last.answer({ seq: 1, size: [8, 8], faces, news: { faces: 1 } });
  const { is, turn, snapshot, ...rest } = posted.at(-1);
  assert.deepEqual([is, turn, snapshot, rest.faces], ["faces", 1, { faces: 1 }, faces]);
});
