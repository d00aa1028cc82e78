// @ts-check
// A small window that floats above the call and shows the class in one calm shape, with a button
// that adds a note. Its snapshots come from the page or from the live socket.

import { contentOf, Latest } from "./content.js";

/** @import { Snapshot } from "../messages.js" */
/** What Python hands over: `floating_window_button` of fer/ui/live/floating_window.py.
 * @typedef {object} Data
 * @property {Snapshot | null} snapshot
 * @property {Record<string, string>} texts
 * @property {string} amount how much is shown: quiet, normal or full
 * @property {[word: string, colour: string][]} emotions
 * @property {number} even
 * @property {number} grace ms
 */
/** @typedef {object} Component what Streamlit calls a component with
 * @property {HTMLElement} parentElement
 * @property {[Data]} data
 * @property {(name: string, value: unknown) => void} setTriggerValue
 */

const SIZE = { width: 240, height: 250 };

const BODY = `
<p class="faces"></p>
<svg class="shape" viewBox="-60 -60 120 120" role="img" aria-hidden="true">
  <circle class="blob" r="50"></circle>
</svg>
<p class="mood" role="status"></p>
<svg class="minute" viewBox="0 -2 200 40" aria-hidden="true">
  <path class="zero" d="M0 18H200"></path><path class="line" d=""></path>
</svg>
<p class="alert" role="status" aria-live="polite"></p>
<div class="bars"></div>
<button class="mark" type="button"></button>`;

const STYLE = `
body { margin: 0; padding: .6rem; box-sizing: border-box; min-height: 100vh; display: flex;
  flex-direction: column; align-items: center; gap: .35rem; background: var(--paper);
  color: var(--ink); font: 14px/1.35 system-ui, sans-serif; }
p { margin: 0; text-align: center; }
.faces { font-weight: 600; }
.shape { flex: 1 1 4rem; min-height: 3rem; max-height: 7rem; }
.blob { transition: transform 2s ease, fill 2s ease; }
.minute { width: 100%; max-width: 220px; height: 40px; }
.minute path { fill: none; stroke: currentColor; stroke-width: 1.5; }
.minute .zero { opacity: .25; stroke-dasharray: 3 3; }
.alert:empty, .mood:empty { display: none; }
.alert { font-weight: 600; }
.bars { width: 100%; display: grid; gap: 2px; font-size: 11px; }
.bars div { display: grid; grid-template-columns: 5rem 1fr; align-items: center; }
.bars i { height: 6px; border-radius: 3px; }
[data-amount=quiet] :is(.minute, .alert, .bars), [data-amount=normal] .bars { display: none; }
.mark { width: 100%; padding: .45rem; border: 1px solid color-mix(in srgb, var(--ink) 35%, transparent);
  border-radius: .5rem; background: none; color: inherit; font: inherit; cursor: pointer; }
.mark:focus-visible { outline: 3px solid #0072B2; }
@media (prefers-reduced-motion: reduce) { .blob { transition: none; } }`;

class FloatingWindow {
  /** @type {any} the open window; null while there is none */
  floating = null;
  #leaving = 0;
  mark = () => {};

  /**
   * @param {HTMLElement} root
   * @param {Data} data
   */
  constructor(root, data) {
    this.data = data;
    this.root = root;
    this.button = /** @type {HTMLButtonElement} */ (root.querySelector(".open"));
    this.latest = new Latest(() => this.show(), {
      setTimeout: (run, ms) => window.setTimeout(run, ms),
      clearTimeout: (timer) => window.clearTimeout(timer),
    });
    this.listen = (/** @type {Event} */ event) =>
      this.latest.take(/** @type {CustomEvent<Snapshot>} */ (event).detail);
    window.addEventListener("fer-snapshot", this.listen);
  }

  /** Take a place on the page, the first one or another.
   * @param {HTMLElement} root
   */
  settle(root) {
    window.clearTimeout(this.#leaving);
    this.root = root;
    this.button = /** @type {HTMLButtonElement} */ (root.querySelector(".open"));
    this.button.onclick = () => (this.floating ? this.floating.close() : this.open());
  }

  /** Wait for another place on the page; close if none comes, since the page was left. */
  leave() {
    waiting = this;
    this.#leaving = window.setTimeout(() => this.close(), this.data.grace);
  }

  /** Take what a rerun of the page has changed.
   * @param {Component} component
   */
  update({ data: [data], setTriggerValue }) {
    this.data = data;
    this.mark = () => setTriggerValue("mark", Date.now());
    this.button.disabled = !this.supported;
    this.button.title = (this.supported ? data.texts.what : data.texts.cannot) ?? "";
    this.label();
    this.latest.takeFromPage(data.snapshot);
  }

  get supported() {
    return "documentPictureInPicture" in window;
  }

  label() {
    const { texts } = this.data;
    this.button.textContent = (this.floating ? texts.close : texts.open) ?? "";
    this.explain(this.supported ? "" : texts.cannot);
  }

  /** @param {string | undefined} reason */
  explain(reason) {
    const place = this.root.querySelector(".why");
    if (place) place.textContent = reason ?? "";
  }

  async open() {
    try {
      // @ts-expect-error -- not every version of TypeScript's DOM library has documentPictureInPicture
      this.floating = await window.documentPictureInPicture.requestWindow(SIZE);
    } catch {
      this.explain(this.data.texts.refused);
      return;
    }
    const { document } = this.floating;
    document.title = this.data.texts.title;
    const style = document.createElement("style");
    style.textContent = STYLE;
    document.head.append(style);
    document.body.innerHTML = BODY;
    const theme = getComputedStyle(this.button);
    for (const [name, from] of /** @type {const} */ ([
      ["--paper", "--st-background-color"],
      ["--ink", "--st-text-color"],
    ])) {
      document.body.style.setProperty(name, theme.getPropertyValue(from));
    }
    this.wireMark(document.querySelector(".mark"));
    this.floating.addEventListener("pagehide", () => {
      this.floating = null;
      this.label();
    });
    this.label();
    this.show();
  }

  /** @param {HTMLButtonElement} button */
  wireMark(button) {
    const { floating } = this;
    const put = (/** @type {string} */ key) => {
      button.textContent = this.data.texts[key] ?? "";
    };
    put("mark");
    button.onclick = () => {
      this.mark();
      put("marked");
      floating.setTimeout(() => put("mark"), 1500);
    };
  }

  show() {
    const document = this.floating?.document;
    if (!document) return;
    const { texts, even, amount, emotions } = this.data;
    const part = (/** @type {string} */ name) => document.querySelector(`.${name}`);
    const content = contentOf(this.latest.value, { texts, even });
    document.body.dataset.amount = amount;
    for (const name of /** @type {const} */ (["faces", "mood", "alert"])) {
      const place = part(name);
      // Only what has changed, or it would be read out again.
      if (place.textContent !== content[name]) place.textContent = content[name];
    }
    part("blob").style.fill = content.fill;
    part("blob").style.transform = `scale(${content.scale})`;
    part("line").setAttribute("d", content.line);
    const shown = content.seen && amount === "full" ? emotions : [];
    part("bars").replaceChildren(
      ...shown.map(([word, colour], at) => {
        const row = document.createElement("div");
        const [label, bar] = [document.createElement("span"), document.createElement("i")];
        label.textContent = word;
        bar.style.cssText = `width:${100 * (content.shares[at] ?? 0)}%;background:${colour}`;
        row.append(label, bar);
        return row;
      }),
    );
  }

  close() {
    if (waiting === this) waiting = null;
    window.removeEventListener("fer-snapshot", this.listen);
    this.latest.close();
    this.floating?.close();
  }
}

/** @type {WeakMap<HTMLElement, FloatingWindow>} */
const mounted = new WeakMap();
/** @type {FloatingWindow | null} the one that just lost its place on the page */
let waiting = null;

/** Mount the button, or bring it up to date; return what takes it off the page.
 * @param {Component} component
 */
export function mount(component) {
  const root = component.parentElement;
  let one = mounted.get(root);
  if (!one) {
    one = waiting ?? new FloatingWindow(root, component.data[0]);
    waiting = null;
    one.settle(root);
    mounted.set(root, one);
  }
  one.update(component);
  const shown = one;
  return () => {
    mounted.delete(root);
    shown.leave();
  };
}
