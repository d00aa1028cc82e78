// @ts-check
// The live view: asks for a picture, shows it, has the worker read it, draws what comes back.

import { faultText, text } from "../text.js";

/** @import { Order, Reading, Source, ViewState, WorkerMessage } from "../messages.js" */
/** @import { OrderPort } from "./capture.js" */

/** What Python hands over: `live_view` of fer/ui/live/browser_view.py.
 * @typedef {object} ViewData
 * @property {string} token
 * @property {string} lessonId
 * @property {string} visit
 * @property {Source} source
 */
/** @typedef {object} Parts
 * @property {any} panel
 * @property {any} overlay
 * @property {OrderPort} worker
 * @property {any} capture the functions of capture.js
 * @property {(snapshot: import("../messages.js").Snapshot) => void} publish
 */

/** @type {ViewState[]} */
const WITH_SENTENCE = ["reconnecting", "busy", "unreadable"];

export class LiveView {
  /** @type {ViewData | null} */
  #data = null;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {string | undefined} the camera that is shown */
  #device;
  /** @type {string | null} the camera that was unplugged */
  #lost = null;
  /** @type {(() => void) | null} */
  #pull = null;
  #muted = false;
  #broken = false;
  #url = "";

  turn = 0; // grows with every Start and Stop: what belongs to an earlier one comes too late
  requestToken = () => {};

  /**
   * @param {Source} source
   * @param {Parts} parts
   */
  constructor(source, { panel, overlay, worker, capture, publish }) {
    this.source = source;
    this.panel = panel;
    this.overlay = overlay;
    this.worker = worker;
    this.capture = capture;
    this.publish = publish;
  }

  /** Take what a rerun of the page has changed, and leave the picture alone.
   * @param {ViewData} data
   * @param {string} url of the socket
   */
  update(data, url) {
    const before = this.#data;
    this.#url = url;
    if (data.token !== before?.token) {
      const moved = before !== null && data.lessonId !== before.lessonId;
      // A visit has another lesson once its own was ended, and nobody asked for that one to be
      // read. If the visit is another too, the server was lost, and reading goes on.
      if (moved && data.visit === before.visit) this.rest();
      this.worker.postMessage({ do: "token", token: data.token, moved });
      this.#data = data;
    }
    if (this.source === data.source) return;
    this.source = data.source;
    this.rest();
  }

  /** Ask for a picture and read it.
   * @param {string} [device]
   */
  async start(device = this.panel.devices.value) {
    const { source } = this;
    if (this.#obstacle) {
      this.rest();
      return;
    }
    this.stop("asking", "");
    const { turn } = this;
    try {
      const stream = await this.capture.open(source, source === "camera" ? device : null);
      if (turn === this.turn) this.#show(stream, source);
      else for (const track of stream.getTracks()) track.stop();
    } catch (fault) {
      if (turn !== this.turn) return;
      this.stop("denied", faultText(fault, source));
      this.listDevices(); // the chosen one may be gone
    }
  }

  /**
   * @param {MediaStream} stream
   * @param {Source} source
   */
  #show(stream, source) {
    const [track] = stream.getVideoTracks();
    if (!track) return;
    this.#stream = stream;
    this.panel.video.srcObject = stream;
    this.#pull = this.capture.handOver(track, this.panel.video, this.worker);
    this.#device = track.getSettings().deviceId;
    track.onended = () => this.#ended(source);
    this.#muted = track.muted;
    track.onmute = () => this.#hold(true);
    track.onunmute = () => this.#hold(false);
    this.panel.set("reconnecting", "", source);
    const token = this.#data?.token ?? "";
    const { turn } = this;
    const held = this.#muted;
    this.worker.postMessage({ do: "start", url: this.#url, token, source, turn, held });
    this.listDevices(); // their names are known now
  }

  /** Stop reading a muted track, which gives no frames or a frozen one, until it is back.
   * @param {boolean} held
   */
  #hold(held) {
    this.#muted = held;
    this.worker.postMessage({ do: "hold", held });
    this.#showState(this.panel.state);
  }

  /** @param {Source} source */
  async #ended(source) {
    const camera = source === "camera";
    const lost = camera ? (this.#device ?? null) : null;
    this.stop("ended", text(camera ? "unplugged" : "share_ended"), lost);
    const { turn } = this;
    if (camera && (await this.capture.forbidden()) && turn === this.turn) {
      this.stop("denied", faultText({ name: "NotAllowedError" }, source));
    }
  }

  /**
   * @param {ViewState} state
   * @param {string} message
   * @param {string | null} [lost]
   */
  stop(state, message, lost = null) {
    this.turn += 1;
    this.#lost = lost;
    this.#muted = false;
    this.worker.postMessage({ do: "stop" });
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = track.onmute = track.onunmute = null;
      track.stop();
    }
    this.#stream = null;
    this.panel.video.srcObject = null;
    this.overlay.clear();
    this.panel.set(state, message, this.source);
  }

  /** The key of the sentence why Start would be in vain; null if it wouldn't.
   * @returns {string | null}
   */
  get #obstacle() {
    return this.#broken ? "broken" : this.capture.obstacleTo(this.source);
  }

  /** Stop, and wait for Start. */
  rest() {
    const obstacle = this.#obstacle;
    this.stop(obstacle ? "denied" : "idle", obstacle ? text(obstacle) : "");
  }

  /** Take another camera: a running picture changes over, a stopped one waits. */
  choose() {
    if (this.#stream) this.start();
    else this.rest();
  }

  /** Stop for good: the worker could not be started. */
  fail() {
    this.#broken = true;
    this.rest();
  }

  /** List the cameras, and take up one that was unplugged and is back. */
  async listDevices() {
    /** @type {[string, string][]} */
    const known = await this.capture.cameras().catch(() => []);
    this.panel.list(known, this.#device, this.source);
    if (this.#lost && known.some(([id]) => id === this.#lost)) this.start(this.#lost);
  }

  /** Connect at once, as after sleep. */
  wake() {
    this.worker.postMessage({ do: "wake" });
    this.overlay.draw();
  }

  /** Take a message of the worker.
   * @param {WorkerMessage} message
   */
  receive(message) {
    if (message.turn !== this.turn) return;
    switch (message.is) {
      case "state":
        return this.#showState(message.state);
      case "faces":
        return this.#showFaces(message);
      case "replaced":
        return this.stop("ended", text("replaced"));
      case "token":
        return this.requestToken();
      case "want":
        this.#pull?.();
    }
  }

  /** @param {ViewState} state */
  #showState(state) {
    const sentence = WITH_SENTENCE.includes(state) ? text(state) : "";
    this.panel.set(state, this.#muted ? text("muted") : sentence, this.source);
  }

  /** @param {Reading} reading */
  #showFaces({ size, faces, fps, delay, snapshot }) {
    if (snapshot) this.publish(snapshot);
    this.panel.count(faces.length, fps, delay);
    this.overlay.show({ size, faces });
  }
}
