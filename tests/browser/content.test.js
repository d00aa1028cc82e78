import assert from "node:assert/strict";
import { test } from "node:test";
import { contentOf, Latest, pathOf } from "../../fer/ui/browser/floating/content.js";
import { FakeWorld } from "./world.js";

const SNAPSHOT = {
  time: 1, faces: 2, balance: 0.6, liveliness: 0.5, line: [0.6], alerts: ["flat"], shares: [],
  looks: {}, paused: false,
};
const TEXTS = {
  nothing: "nothing", paused: "paused", faces_one: "{n} face", faces_many: "{n} faces",
  bright: "happy", even: "even", heavy: "heavy", alert_flat: "flat",
};
const content = (change = {}) => {
  const snapshot = change && { ...SNAPSHOT, ...change };
  const { faces, mood, alert } = contentOf(snapshot, { texts: TEXTS, even: 0.25 });
  return [faces, mood, alert];
};

test("a snapshot is shown in words", () => {
  assert.deepEqual(content(), ["2 faces", "happy", "flat"]);
  assert.deepEqual(content({ faces: 1, balance: -0.3, alerts: [] }), ["1 face", "heavy", ""]);
  assert.deepEqual(content({ balance: 0.25 }), ["2 faces", "even", "flat"]);
});

test("nothing is shown of a paused lesson or an empty room", () => {
  assert.deepEqual(content({ paused: true }), ["paused", "", ""]);
  assert.deepEqual(content({ faces: 0 }), ["nothing", "", ""]);
  assert.deepEqual(content(null), ["nothing", "", ""]);
});

test("the line is interrupted where no balance is known", () => {
  assert.equal(pathOf([0, null, 1]), "M0.0 18.0M200.0 0.0");
  assert.equal(pathOf([1, -1]), "M0.0 0.0L200.0 36.0");
});

function latest() {
  const world = new FakeWorld();
  return { world, latest: new Latest(() => {}, world) };
}

test("a snapshot is forgotten after five seconds without another", () => {
  const { world, latest: one } = latest();
  one.take(SNAPSHOT);
  world.pass(4000);
  assert.equal(one.value, SNAPSHOT);
  world.pass(2000);
  assert.equal(one.value, null);
  one.take(SNAPSHOT);
  assert.equal(one.value, SNAPSHOT);
});

test("snapshots that follow each other stay", () => {
  const { world, latest: one } = latest();
  for (let time = 0; time < 20; time += 1) {
    world.pass(1000);
    if (time < 10) one.take({ ...SNAPSHOT, time });
    else one.takeFromPage({ ...SNAPSHOT, time });
  }
  assert.equal(one.value.time, 19);
});

test("a page that repeats its snapshot keeps nothing alive", () => {
  const { world, latest: one } = latest();
  for (let at = 0; at < 10; at += 1) {
    world.pass(1000);
    one.takeFromPage({ ...SNAPSHOT });
  }
  assert.equal(one.value, null);
});
