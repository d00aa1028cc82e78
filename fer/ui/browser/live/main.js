// The component: asks for a picture, shows it, has the worker read it, draws what comes back.

import { Overlay } from "./overlay.js";
import { cameras, forbidden, handOver, obstacleTo, open } from "./capture.js";
import { Panel } from "./panel.js";
import { say, sentenceFor, speak } from "../text.js";

const TOLD = ["reconnecting", "busy"]; // states that need a sentence

class Live {
  constructor(root, data) {
    speak(data.words);
    this.source = data.source;
    this.panel = new Panel(root, {
      start: () => this.start(),
      stop: () => this.rest(),
      chose: () => this.chose(),
    });
    this.overlay = new Overlay(this.panel.canvas, data.looks);
    const code = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    this.worker = new Worker(code);
    URL.revokeObjectURL(code);
    this.worker.onerror = () => {
      this.broken = true;
      this.rest();
    };
    this.turn = 0; // grows with every Start and Stop: what belongs to an earlier one comes too late
    this.worker.onmessage = ({ data: told }) => {
      if (told.turn === this.turn) this[`on_${told.is}`](told);
    };
    this.asks = 0;
    this.closing = new AbortController();
    const { signal } = this.closing;
    const wake = () => document.visibilityState === "visible" && this.wake();
    document.addEventListener("visibilitychange", wake, { signal });
    document.addEventListener("resume", wake, { signal });
    window.addEventListener("online", () => this.wake(), { signal });
    navigator.mediaDevices?.addEventListener("devicechange", () => this.devices(), { signal });
    this.timer = setInterval(() => this.overlay.forgetOld(), 500);
    this.rest();
    this.devices();
  }

  // Runs at every rerun of the page: takes what has changed and leaves the picture alone.
  update({ data: [data], setTriggerValue }) {
    speak(data.words);
    this.overlay.looks = data.looks;
    this.need = () => setTriggerValue("need_token", (this.asks += 1));
    const { token, session, visit, source } = data;
    if (token !== this.token) {
      const moved = this.session !== undefined && session !== this.session;
      // A visit has another lesson once its own was ended, and nobody asked for that one to be
      // read. Where the visit is another too, the server was lost, and reading goes on.
      if (moved && visit === this.visit) this.rest();
      this.worker.postMessage({ do: "token", token, moved });
      Object.assign(this, { token, session, visit });
    }
    const address = new URL(data.route, document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.url = address.href;
    if (this.source === source) return;
    this.source = source;
    this.rest();
  }

  async start(device = this.panel.devices.value) {
    const { source } = this;
    if (this.obstacle) return this.rest();
    this.stop("asking", "");
    const { turn } = this;
    try {
      const stream = await open(source, source === "camera" ? device : null);
      if (turn !== this.turn) return stream.getTracks().forEach((track) => track.stop());
      this.show(stream, source);
    } catch (fault) {
      if (turn !== this.turn) return;
      this.stop("denied", sentenceFor(fault, source));
      this.devices(); // the chosen one may be gone
    }
  }

  show(stream, source) {
    const [track] = stream.getVideoTracks();
    this.stream = stream;
    this.panel.video.srcObject = stream;
    this.pull = handOver(track, this.panel.video, this.worker);
    this.device = track.getSettings().deviceId;
    track.onended = () => this.ended(source);
    this.muted = track.muted;
    track.onmute = track.onunmute = ({ type }) => this.hold(type === "mute");
    this.panel.set("reconnecting", "", source);
    const { url, token, turn, muted: held } = this;
    this.worker.postMessage({ do: "start", url, token, source, turn, held });
    this.devices(); // their names are known now
  }

  // A muted track gives no pictures, or a frozen one: nothing is read until it is back.
  hold(held) {
    this.muted = held;
    this.worker.postMessage({ do: "hold", held });
    this.on_state(this.panel);
  }

  async ended(source) {
    const camera = source === "camera";
    this.stop("ended", say(camera ? "unplugged" : "share_ended"), camera ? this.device : null);
    const { turn } = this;
    if (camera && (await forbidden()) && turn === this.turn) {
      this.stop("denied", sentenceFor({ name: "NotAllowedError" }, source));
    }
  }

  stop(state, message, lost = null) {
    this.turn += 1;
    this.lost = lost;
    this.muted = false;
    this.worker.postMessage({ do: "stop" });
    this.stream?.getTracks().forEach((track) => {
      track.onended = track.onmute = track.onunmute = null;
      track.stop();
    });
    this.stream = this.panel.video.srcObject = null;
    this.overlay.clear();
    this.panel.set(state, message, this.source);
  }

  // Why Start would be in vain, as a sentence's key; null where it wouldn't.
  get obstacle() {
    return this.broken ? "broken" : obstacleTo(this.source);
  }

  // Stopped, and waiting for Start.
  rest() {
    const { obstacle } = this;
    this.stop(obstacle ? "denied" : "idle", obstacle ? say(obstacle) : "");
  }

  // Another camera: a running picture changes over, a stopped one waits.
  chose() {
    if (this.stream) this.start();
    else this.rest();
  }

  async devices() {
    const known = await cameras().catch(() => []);
    this.panel.list(known, this.device, this.source);
    if (this.lost && known.some(([id]) => id === this.lost)) this.start(this.lost);
  }

  wake() {
    this.worker.postMessage({ do: "wake" });
    this.overlay.draw();
  }

  on_state({ state }) {
    const message = this.muted ? say("muted") : TOLD.includes(state) ? say(state) : "";
    this.panel.set(state, message, this.source);
  }

  on_faces({ size, faces, fps, delay, news }) {
    // For whoever shows the class: while the page is hidden, nothing else reaches it every second.
    if (news) window.dispatchEvent(new CustomEvent("fer-news", { detail: news }));
    this.panel.count(faces.length, fps, delay);
    this.overlay.show({ size, faces });
  }

  on_replaced() {
    this.stop("ended", say("replaced"));
  }

  on_token() {
    this.need();
  }

  on_want() {
    this.pull?.();
  }

  close() {
    this.stop("idle", "");
    clearInterval(this.timer);
    this.closing.abort();
    this.overlay.close();
    this.worker.terminate();
  }
}

const mounted = new WeakMap(); // one for each place on the page, kept over reruns

export default function live(component) {
  const { parentElement: root, data: [data] } = component;
  const fresh = !mounted.has(root);
  if (fresh) mounted.set(root, new Live(root, data));
  const one = mounted.get(root);
  one.update(component);
  // Only a camera: a browser shares its screen at a press of a button alone.
  if (fresh && data.autostart && data.source === "camera") {
    one.start();
    component.setTriggerValue("begun", true);
  }
  return () => {
    one.close();
    mounted.delete(root);
  };
}
