// @ts-check
// What the floating window shows of a snapshot. Only computes; window.js puts it into the window.

import { fill } from "../text.js";

/** @import { Snapshot } from "../messages.js" */
/** @typedef {{texts: Record<string, string>, even: number}} Settings */
/** @typedef {object} Content
 * @property {boolean} seen true if there are faces to show
 * @property {string} faces
 * @property {string} mood
 * @property {string} alert
 * @property {string} fill colour of the shape
 * @property {number} scale size of the shape
 * @property {string} line the last minute, as an SVG path
 * @property {number[]} shares
 */
/** @typedef {[red: number, green: number, blue: number]} Colour */

/** @type {Colour} */
const BLUE = [0, 114, 178];
/** @type {Colour} */
const GREY = [138, 138, 138];
/** @type {Colour} */
const ORANGE = [230, 159, 0];
const LINE = { width: 200, height: 36 };

/** Return what to show; null is shown as a class of which nothing is known.
 * @param {Snapshot | null} snapshot
 * @param {Settings} settings
 * @returns {Content}
 */
export function contentOf(snapshot, { texts, even }) {
  if (!snapshot?.faces || snapshot.paused) {
    const faces = (snapshot?.paused ? texts.paused : texts.nothing) ?? "";
    const empty = { mood: "", alert: "", line: "", shares: [] };
    return { seen: false, faces, fill: colourOf(0), scale: 0.35, ...empty };
  }
  const balance = snapshot.balance ?? 0;
  const sentence = texts[snapshot.faces === 1 ? "faces_one" : "faces_many"] ?? "";
  return {
    seen: true,
    faces: fill(sentence, { n: snapshot.faces }),
    mood: texts[moodOf(balance, even)] ?? "",
    alert: snapshot.alerts.map((name) => texts[`alert_${name}`] ?? name).join(" · "),
    fill: colourOf(balance),
    scale: 0.55 + 0.45 * (snapshot.liveliness ?? 0),
    line: pathOf(snapshot.line),
    shares: (snapshot.shares ?? []).map((share) => share ?? 0),
  };
}

/** Return a colour: blue for a negative balance, grey in between, orange for a positive one.
 * @param {number} balance
 */
export function colourOf(balance) {
  const end = balance < 0 ? BLUE : ORANGE;
  const share = Math.min(1, Math.abs(balance) * 1.5);
  return `rgb(${GREY.map((grey, at) => Math.round(grey + share * ((end[at] ?? 0) - grey)))})`;
}

/** Return the key of the mood's word.
 * @param {number} balance
 * @param {number} even a balance closer to zero counts as even
 */
export function moodOf(balance, even) {
  if (balance > even) return "bright";
  return balance < -even ? "heavy" : "even";
}

/** Return an SVG path through the balances; it is interrupted where one is not known.
 * @param {(number | null)[]} line
 */
export function pathOf(line) {
  let pen = "M";
  return line
    .map((balance, at) => {
      if (balance === null) {
        pen = "M";
        return "";
      }
      const x = (LINE.width * at) / Math.max(1, line.length - 1);
      const y = (LINE.height * (1 - balance)) / 2;
      const point = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
      return point;
    })
    .join("");
}

/** The newest snapshot, forgotten when no other follows: an old mood must not pass for the present
 * one. */
export class Latest {
  /** @type {Snapshot | null} */
  value = null;
  /** @type {any} */
  #timer;
  #given = "";

  /**
   * @param {() => void} changed called with every snapshot, and when it is forgotten
   * @param {{setTimeout: (run: () => void, ms: number) => any, clearTimeout: (timer: any) => void}} clock
   */
  constructor(changed, clock) {
    this.changed = changed;
    this.clock = clock;
  }

  /** @param {Snapshot | null} snapshot */
  take(snapshot) {
    this.clock.clearTimeout(this.#timer);
    if (snapshot) this.#timer = this.clock.setTimeout(() => this.take(null), STALE);
    this.value = snapshot;
    this.changed();
  }

  /** Take the page's snapshot unless it is the one that the page gave before: a page that is drawn
   * again, as without its server, repeats it.
   * @param {Snapshot | null} snapshot
   */
  takeFromPage(snapshot) {
    const given = JSON.stringify(snapshot);
    if (given === this.#given) this.changed();
    else this.take(snapshot);
    this.#given = given;
  }

  close() {
    this.clock.clearTimeout(this.#timer);
  }
}

export const STALE = 5000; // ms after which a snapshot is old; they come every second
