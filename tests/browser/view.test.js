import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveView } from "../../fer/ui/browser/live/view.js";

const DATA = { token: "one", lessonId: "first", visit: "mine", source: "screen" };
const URL = "ws://x/ws/live";

function mounted() {
  const orders = [];
  const published = [];
  const panel = {
    video: {},
    devices: {},
    set(state, message) {
      Object.assign(panel, { state, message });
    },
    list() {},
    count() {},
  };
  const overlay = { clear() {}, draw() {}, show() {} };
  const track = {
    muted: false,
    stopped: false,
    stop() {
      track.stopped = true;
    },
    getSettings: () => ({}),
  };
  const stream = { getVideoTracks: () => [track], getTracks: () => [track] };
  const capture = {
    open: async () => stream,
    obstacleTo: () => null,
    handOver: () => null,
    cameras: async () => [],
    forbidden: async () => false,
  };
  const worker = { postMessage: (order) => orders.push(order) };
  const publish = (snapshot) => published.push(snapshot);
  const view = new LiveView("screen", { panel, overlay, worker, capture, publish });
  view.update(DATA, URL);
  return { view, panel, track, orders, published, capture };
}

async function started() {
  const all = mounted();
  await all.view.start();
  all.orders.length = 0;
  return all;
}

test("a muted track holds the reading", async () => {
  const { view, panel, track, orders } = await started();
  view.receive({ is: "state", state: "live", turn: view.turn });
  track.onmute();
  assert.deepEqual([orders.at(-1), panel.message], [{ do: "hold", held: true }, "muted"]);
  track.onunmute();
  assert.deepEqual([orders.at(-1), panel.message], [{ do: "hold", held: false }, ""]);
});

for (const muted of [true, false]) {
  test(`a track may be muted from the start: ${muted}`, async () => {
    const { view, track, orders } = mounted();
    track.muted = muted;
    await view.start();
    assert.equal(orders.findLast((order) => order.do === "start").held, muted);
  });
}

test("a tab that was replaced stops its picture and says why", async () => {
  const { view, panel, track, orders } = await started();
  view.receive({ is: "replaced", turn: view.turn });
  assert.deepEqual([panel.state, panel.message, track.stopped], ["ended", "replaced", true]);
  assert.deepEqual(orders.map((order) => order.do), ["stop"]);
});

test("a message of an earlier Start is ignored", async () => {
  const { view, panel } = await started();
  view.receive({ is: "replaced", turn: view.turn - 1 });
  assert.equal(panel.state, "reconnecting");
});

const CHANGES = [
  ["another token", { token: "two" }, true],
  // The lesson was ended on another page: nobody asked for the next one to be read.
  ["another lesson", { token: "two", lessonId: "next" }, false],
  // A server that came back knows neither the visit nor the lesson.
  ["another visit", { token: "two", lessonId: "next", visit: "another" }, true],
];
for (const [name, change, goesOn] of CHANGES) {
  test(`${name} ${goesOn ? "goes on" : "stops"}`, async () => {
    const { view, panel, track, orders } = await started();
    view.receive({ is: "state", state: "live", turn: view.turn });
    view.update({ ...DATA, ...change }, URL);
    assert.equal(panel.state, goesOn ? "live" : "idle");
    assert.equal(track.stopped, !goesOn);
    assert.equal(orders.some((order) => order.do === "stop"), !goesOn);
    assert.equal(orders.find((order) => order.do === "token").moved, "lessonId" in change);
  });
}

test("what the browser refuses is explained", async () => {
  const { view, panel, capture } = mounted();
  capture.open = async () => {
    throw Object.assign(new Error(), { name: "NotAllowedError" });
  };
  await view.start();
  assert.deepEqual([panel.state, panel.message], ["denied", "denied_screen"]);
});

test("a picture that comes after Stop is let go", async () => {
  const { view, track } = mounted();
  const starting = view.start();
  view.rest();
  await starting;
  assert.ok(track.stopped);
});

test("the class's snapshot is passed on", async () => {
  const { view, published } = await started();
  const reading = { size: [8, 8], faces: [], fps: 1, delay: 1 };
  view.receive({ is: "faces", turn: view.turn, ...reading });
  view.receive({ is: "faces", turn: view.turn, ...reading, snapshot: { faces: 2 } });
  assert.deepEqual(published, [{ faces: 2 }]);
});
