// The buttons, lists and lines around the picture.

import { say } from "../text.js";

const RUNNING = new Set(["live", "reconnecting", "busy"]);

export class Panel {
  // did: {start(), stop(), chose()}
  constructor(root, did) {
    this.root = root.querySelector(".live");
    for (const name of ["stage", "devices", "go", "figures", "message", "hint", "spoken"]) {
      this[name] = root.querySelector(`.${name}`);
    }
    this.video = root.querySelector("video");
    this.canvas = root.querySelector("canvas");
    this.root.setAttribute("aria-label", say("picture"));
    this.video.setAttribute("aria-label", say("picture"));
    this.devices.setAttribute("aria-label", say("which_camera"));
    this.#wire(did);
  }

  set(state, message, source) {
    const running = RUNNING.has(state);
    this.state = state;
    this.root.dataset.state = state;
    // Not disabled while the browser asks: a button that is loses the keyboard's place.
    this.go.textContent = say(running ? "stop" : state === "asking" ? "cancel" : "start");
    this.go.dataset.does = running || state === "asking" ? "stop" : "start";
    const title = say(`state_${state}`);
    this.figures.textContent = title;
    // The line of figures changes too often to be read out.
    if (this.spoken.textContent !== title) this.spoken.textContent = title;
    if (this.message.textContent !== message) this.message.textContent = message;
    this.hint.textContent = say(state === "asking" ? "hint_asking" : `hint_${source}`);
    this.stage.dataset.shown = running ? "yes" : "no";
    if (!running) this.root.style.removeProperty("--ratio");
    this.devices.hidden = source !== "camera" || this.devices.options.length < 2;
  }

  count(faces, fps, delay) {
    const seen = say(faces === 1 ? "faces_one" : "faces_many", { n: faces });
    const rate = fps ? say("rate", { rate: fps.toFixed(1) }) : say("first");
    const late = say("behind", { ms: Math.round(delay) });
    this.figures.textContent = [say("state_live"), seen, rate, late, "socket"].join(" · ");
  }

  // Nothing to choose from one camera, nor while the screen is read.
  list(cameras, current, source) {
    const known = [...this.devices.options].map((one) => [one.value, one.text]);
    if (String(known) !== String(cameras)) {
      this.devices.replaceChildren(...cameras.map(([id, name]) => new Option(name, id)));
    }
    if (cameras.some(([id]) => id === current)) this.devices.value = current;
    this.devices.hidden = source !== "camera" || cameras.length < 2;
  }

  #wire(did) {
    this.go.onclick = () => (this.go.dataset.does === "stop" ? did.stop() : did.start());
    this.devices.onchange = () => did.chose();
    // Everything takes the picture's shape, so that a box's place is a plain share of it.
    this.video.onresize = this.video.onloadedmetadata = () => {
      const { videoWidth, videoHeight } = this.video;
      if (videoWidth) this.root.style.setProperty("--ratio", String(videoWidth / videoHeight));
    };
  }
}
