// @ts-check
// How large and how often frames are sent, by how soon the answers come. Only arithmetic.

/** @import { Size, Source } from "../messages.js" */

/** @typedef {{start: number, least: number, most: number, fps: number, mostFps: number}} Limits */

/** @type {Record<Source, Limits>} */
const LIMITS = {
  // A gallery's faces are small: below 1280 they would be lost, so a slow line gets fewer frames.
  screen: { start: 1280, least: 1280, most: 2560, fps: 4, mostFps: 5 },
  camera: { start: 960, least: 640, most: 1280, fps: 8, mostFps: 12 },
};
const LEAST_FPS = 1.5; // above one, so that with late timers there is still one a second
const SLOW = 700; // ms from frame to boxes
const QUICK = 250;
const SETTLE = 2000; // ms between two changes
const PAUSE = 10000; // ms after slowing down before a faster rate is tried again
const SMALLEST = 24; // a face's height in sent pixels that can still be read
const ENOUGH = 3; // answers before a change

export class Rate {
  /** @param {Source} source */
  constructor(source) {
    this.limits = LIMITS[source];
    this.width = this.limits.start;
    this.fps = this.limits.fps;
    /** @type {number | null} */
    this.delay = null;
    this.answers = 0;
    this.changed = 0;
    this.slowed = -PAUSE;
    this.needed = 0; // the width at which the smallest face can just be read
  }

  get interval() {
    return 1000 / this.fps;
  }

  /** Return the size at which to send a frame of this size.
   * @param {Size} size
   * @returns {Size}
   */
  sizeFor([width, height]) {
    const share = Math.min(1, this.width / width);
    return [Math.round(width * share), Math.round(height * share)];
  }

  /** Adapt to an answer.
   * @param {number} delay ms from the frame to its answer
   * @param {number} sent width of the frame that was sent
   * @param {number} smallest height of the smallest face; 0: no face
   * @param {number} now ms
   */
  answered(delay, sent, smallest, now) {
    this.delay = this.delay === null ? delay : 0.7 * this.delay + 0.3 * delay;
    this.answers += 1;
    if (smallest) this.needed = Math.min(this.limits.most, (sent * SMALLEST) / smallest);
    if (this.answers < ENOUGH || now - this.changed < SETTLE) return;
    const before = [this.width, this.fps];
    if (this.delay > SLOW) this.#slower(now);
    else if (this.needed > this.width) this.width = this.needed;
    else if (this.delay < QUICK && now - this.slowed > PAUSE) this.#faster();
    if (before[0] === this.width && before[1] === this.fps) return;
    this.changed = now;
    this.answers = 0;
  }

  /** Shrink: the server refuses frames of so many bytes. */
  tooBig() {
    const most = Math.max(320, Math.round(this.width * 0.8));
    this.limits = { ...this.limits, most, least: Math.min(this.limits.least, most) };
    this.width = most;
    this.needed = 0;
  }

  /** @param {number} now */
  #slower(now) {
    this.slowed = now;
    const floor = Math.max(this.limits.least, this.needed);
    if (this.width > floor) this.width = Math.max(floor, Math.round(this.width * 0.8));
    else this.fps = Math.max(LEAST_FPS, this.fps * 0.7);
  }

  #faster() {
    if (this.fps < this.limits.mostFps) this.fps = Math.min(this.limits.mostFps, this.fps * 1.25);
    else this.width = Math.min(this.limits.most, Math.round(this.width * 1.2));
  }
}
