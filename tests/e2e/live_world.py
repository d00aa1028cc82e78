"""Worlds for the parts of the browser's side that only reckon: time, sockets, tracks made up."""

import json
from typing import Any

from playwright.sync_api import Page

from fer.ui.live import floating_window
from fer.ui.live.browser_view import IN_WORKER, joined

# Time that only the test moves, and sockets that it opens, answers and closes.
WORLD = """
const world = { now: 1000, timers: [], sockets: [], told: [] };
const performance = { now: () => world.now, timeOrigin: 0 };
const setTimeout = (run, wait) => { world.timers.push({ run, at: world.now + wait }); return run; };
const clearTimeout = (run) => { world.timers = world.timers.filter((one) => one.run !== run); };
class WebSocket {
  constructor(url) { this.url = url; this.sent = []; world.sockets.push(this); }
  send(data) { this.sent.push(data); }
  close(code) { this.closed = code ?? 1000; }
  say(text) { this.onmessage({ data: JSON.stringify(text) }); }
  drop(code = 1006) { this.onclose?.({ code }); }
  greet() { this.say({ hello: "lesson", inflight: 2, max_bytes: 9 }); }
}
// Lets time pass, and rings what is due.
const pass = (ms) => {
  const end = world.now + ms;
  for (;;) {
    const [next] = world.timers.filter((one) => one.at <= end).sort((a, b) => a.at - b.at);
    if (!next) break;
    clearTimeout(next.run);
    world.now = next.at;
    next.run();
  }
  world.now = end;
};
const last = () => world.sockets.at(-1);
const note = (name) => (...said) => world.told.push([name, ...said]);
const told = {};
for (const name of ["state", "token", "tooBig", "faces", "replaced"]) told[name] = note(name);
"""
# Encodes at once, and asks for pictures where a test has none flow by themselves.
WORKER_WORLD = """
class OffscreenCanvas {
  getContext() { return { drawImage() {} }; }
  async convertToBlob() { return new Blob(["x"]); }
}
const self = { postMessage: (said) => world.told.push(said) };
const order = (name, what = {}) => self.onmessage({ data: { do: name, ...what } });
const begin = (held = false) => {
  order("start", { url: "ws://x/live", token: "one", source: "screen", turn: 1, held });
  last().greet();
};
const picture = () => ({ width: 8, height: 8, close() { this.closed = true; } });
let give = null;
const readable = {
  getReader: () => ({
    read: () => new Promise((done) => { give = (value) => done({ value, done: false }); }),
    cancel: async () => {},
  }),
};
const settle = () => new Promise((done) => window.setTimeout(done, 1));
// Lets time pass in steps, and answers every picture; how many came.
const sends = async (ms) => {
  let count = 0;
  for (let at = 0; at < ms; at += 50) {
    pass(50);
    await settle();
    for (const _ of last().sent.splice(0)) {
      count += 1;
      sent += 1;
      last().say({ seq: sent, size: [8, 8], faces: [] });
    }
  }
  return count;
};
let sent = 0;
"""
# A page without pictures: what the component's main part tells its worker and its panel.
PAGE_WORLD = """
const WORKER = "";
const orders = [];
class Worker { postMessage(said) { orders.push(said); } terminate() {} }
class Panel {
  constructor() { this.video = {}; this.devices = {}; this.message = { textContent: "" }; }
  set(state, message) { this.state = state; this.message.textContent = message; }
  list() {}
}
class Overlay { clear() {} forgetOld() {} draw() {} close() {} }
const setInterval = () => 0;
const speak = () => {};
const say = (key) => key;
const track = { stop() { this.stopped = true; }, getSettings: () => ({}), muted: false };
const stream = { getVideoTracks: () => [track], getTracks: () => [track] };
const open = async () => stream;
const [obstacleTo, handOver, cameras] = [() => null, () => null, async () => []];
const reports = [];
const DATA = { token: "one", session: "first", visit: "mine", source: "screen", route: "ws/live" };
const mount = (root, more) => live({
  parentElement: root,
  data: [{ ...DATA, ...more }],
  setStateValue: (_, value) => reports.push(value),
  setTriggerValue: () => {},
});
// The page's code asks for its address to be one; a blank page's is not.
const base = document.createElement("base");
base.href = "http://x/";
document.head.replaceChildren(base);
const root = {};
mount(root);
const one = mounted.get(root);
const began = () => one.start().then(() => { orders.length = 0; });
"""
GLANCE_WORLD = """
document.body.innerHTML = "<div></div>";
const root = document.body.firstChild;
root.innerHTML = HTML;
const frame = document.createElement("iframe");
document.body.append(frame);
const floating = frame.contentWindow;
window.documentPictureInPicture = { requestWindow: async () => floating };
const NEWS = { time: 1, faces: 2, balance: 0.6, liveliness: 0.5, line: [0.6], alerts: ["flat"] };
const words = { nothing: "nothing", faces_many: "{n} faces", bright: "happy", even: "even" };
const rerun = (news, amount = "quiet") => glance({
  parentElement: root,
  data: [{ news, amount, words: { ...words, alert_flat: "flat" }, looks: [] }],
  setTriggerValue: () => {},
});
const tell = (news) => window.dispatchEvent(new CustomEvent("fer-news", { detail: news }));
const part = (name) => floating.document.querySelector(`.${name}`);
const shown = () => ["faces", "mood", "alert"].map((name) => part(name).textContent);
"""


def run(page: Page, module: str, script: str) -> Any:
    """What a script returns that stands after the module, in the made-up world."""
    return page.evaluate(f"() => {{ {WORLD}\n{joined((module,))}\n{script} }}")


def worker(page: Page, script: str) -> Any:
    """What comes of a script that gives the worker orders."""
    whole = f"{WORLD}\n{WORKER_WORLD}\n{{ {joined(IN_WORKER)} }}\n{script}"
    return page.evaluate(f"async () => {{ {whole} }}")


def main(page: Page, script: str) -> Any:
    """What comes of a script at the component's main part, mounted on a page."""
    part = joined(("main.js",)).replace("export default ", "")
    return page.evaluate(f"async () => {{ {WORLD}\n{part}\n{PAGE_WORLD}\n{script} }}")


def window_of(page: Page, script: str) -> Any:
    """What comes of a script at the glance window, which is open."""
    folder = floating_window.FOLDER
    part = (folder / "window.js").read_text().replace("export default ", "")
    html = json.dumps((folder / "window.html").read_text())
    world = f"{WORLD}\nconst HTML = {html};\n{GLANCE_WORLD}"
    opened = "rerun(NEWS); const one = mounted.get(root); await one.open();"
    return page.evaluate(f"async () => {{ {part}\n{world}\n{opened}\n{script} }}")
