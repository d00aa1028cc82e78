// @ts-check
// The buttons, lists and lines around the picture.

import { text } from "../text.js";

/** @import { Source, ViewState } from "../messages.js" */
/** @typedef {{start: () => void, stop: () => void, choose: () => void}} Actions */

/** @type {Set<ViewState>} */
const RUNNING = new Set(["live", "reconnecting", "busy", "unreadable"]);

export class Panel {
  /** @type {ViewState} */
  state = "idle";

  /**
   * @param {ParentNode} root
   * @param {Actions} actions
   */
  constructor(root, actions) {
    const find = (/** @type {string} */ selector) =>
      /** @type {HTMLElement} */ (root.querySelector(selector));
    this.root = find(".live");
    this.stage = find(".stage");
    this.go = find(".go");
    this.figures = find(".figures");
    this.message = find(".message");
    this.hint = find(".hint");
    this.spoken = find(".spoken");
    this.devices = /** @type {HTMLSelectElement} */ (find(".devices"));
    this.video = /** @type {HTMLVideoElement} */ (find("video"));
    this.canvas = /** @type {HTMLCanvasElement} */ (find("canvas"));
    this.root.setAttribute("aria-label", text("picture"));
    this.video.setAttribute("aria-label", text("picture"));
    this.devices.setAttribute("aria-label", text("which_camera"));
    this.#wire(actions);
  }

  /**
   * @param {ViewState} state
   * @param {string} message
   * @param {Source} source
   */
  set(state, message, source) {
    const running = RUNNING.has(state);
    this.state = state;
    this.root.dataset.state = state;
    // Not disabled while the browser asks: a disabled button loses the keyboard's focus.
    this.go.textContent = text(running ? "stop" : state === "asking" ? "cancel" : "start");
    this.go.dataset.does = running || state === "asking" ? "stop" : "start";
    const title = text(`state_${state}`);
    this.figures.textContent = title;
    // The line of figures changes too often to be read out.
    if (this.spoken.textContent !== title) this.spoken.textContent = title;
    if (this.message.textContent !== message) this.message.textContent = message;
    this.hint.textContent = text(state === "asking" ? "hint_asking" : `hint_${source}`);
    this.stage.dataset.shown = running ? "yes" : "no";
    if (!running) this.root.style.removeProperty("--ratio");
    this.devices.hidden = source !== "camera" || this.devices.options.length < 2;
  }

  /** Show how many faces were found, how often, and how late.
   * @param {number} faces
   * @param {number} fps
   * @param {number} delay ms
   */
  count(faces, fps, delay) {
    const seen = text(faces === 1 ? "faces_one" : "faces_many", { n: faces });
    const rate = fps ? text("rate", { rate: fps.toFixed(1) }) : text("first");
    const late = text("behind", { ms: Math.round(delay) });
    this.figures.textContent = [text("state_live"), seen, rate, late, "socket"].join(" · ");
  }

  /** List the cameras; hidden for a single camera, and for a screen.
   * @param {[id: string, name: string][]} cameras
   * @param {string | undefined} current
   * @param {Source} source
   */
  list(cameras, current, source) {
    const listed = [...this.devices.options].map((one) => [one.value, one.text]);
    if (String(listed) !== String(cameras)) {
      this.devices.replaceChildren(...cameras.map(([id, name]) => new Option(name, id)));
    }
    const found = cameras.find(([id]) => id === current);
    if (found) this.devices.value = found[0];
    this.devices.hidden = source !== "camera" || cameras.length < 2;
  }

  /** @param {Actions} actions */
  #wire(actions) {
    this.go.onclick = () => (this.go.dataset.does === "stop" ? actions.stop() : actions.start());
    this.devices.onchange = () => actions.choose();
    // Everything takes the picture's shape, so that a box's place is a share of it.
    this.video.onresize = this.video.onloadedmetadata = () => {
      const { videoWidth, videoHeight } = this.video;
      if (videoWidth) this.root.style.setProperty("--ratio", String(videoWidth / videoHeight));
    };
  }
}
