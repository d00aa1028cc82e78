// @ts-check
// Puts the live view together on a page, once for each place, and keeps it over reruns.

import { setTexts } from "../text.js";
import * as capture from "./capture.js";
import { Overlay } from "./overlay.js";
import { Panel } from "./panel.js";
import { LiveView } from "./view.js";

/** @import { Style } from "./layout.js" */
/** @import { ViewData } from "./view.js" */
/** @typedef {ViewData & {texts: Record<string, string>, style: Style, route: string, autostart: boolean}} Data */
/** @typedef {object} Component what Streamlit calls a component with
 * @property {HTMLElement} parentElement
 * @property {[Data]} data
 * @property {(name: string, value: unknown) => void} setTriggerValue
 */

/** @param {Component} component */
function create({ parentElement: root, data: [data] }) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const panel = new Panel(root, {
    start: () => view.start(),
    stop: () => view.rest(),
    choose: () => view.choose(),
  });
  const overlay = new Overlay(panel.canvas, data.style);
  // For the floating window: while the page is hidden, nothing else reaches it every second.
  const publish = (/** @type {unknown} */ detail) =>
    window.dispatchEvent(new CustomEvent("fer-snapshot", { detail }));
  const view = new LiveView(data.source, { panel, overlay, worker, capture, publish });
  worker.onerror = () => view.fail();
  worker.onmessage = ({ data: message }) => view.receive(message);
  const closing = new AbortController();
  const { signal } = closing;
  const wake = () => document.visibilityState === "visible" && view.wake();
  document.addEventListener("visibilitychange", wake, { signal });
  document.addEventListener("resume", wake, { signal });
  window.addEventListener("online", () => view.wake(), { signal });
  navigator.mediaDevices?.addEventListener("devicechange", () => view.listDevices(), { signal });
  const timer = setInterval(() => overlay.clearOld(), 500);
  view.rest();
  view.listDevices();
  let requests = 0;
  return {
    view,
    /** @param {Component} component */
    update({ data: [changed], setTriggerValue }) {
      overlay.style = changed.style;
      view.requestToken = () => {
        requests += 1;
        setTriggerValue("need_token", requests);
      };
      const address = new URL(changed.route, document.baseURI);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      view.update(changed, address.href);
    },
    close() {
      view.stop("idle", "");
      clearInterval(timer);
      closing.abort();
      overlay.close();
      worker.terminate();
    },
  };
}

/** @type {WeakMap<HTMLElement, ReturnType<typeof create>>} */
const mounted = new WeakMap();

/** Mount the view, or bring it up to date; return what takes it off the page.
 * @param {Component} component
 */
export function mount(component) {
  const { parentElement: root, data, setTriggerValue } = component;
  setTexts(data[0].texts);
  const before = mounted.get(root);
  const one = before ?? create(component);
  mounted.set(root, one);
  one.update(component);
  // Only a camera: a browser shares its screen only after a button was pressed.
  if (!before && data[0].autostart && data[0].source === "camera") {
    one.view.start();
    setTriggerValue("begun", true);
  }
  return () => {
    one.close();
    if (mounted.get(root) === one) mounted.delete(root);
  };
}
