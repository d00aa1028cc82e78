// @ts-check
// The worker's loop: take the newest frame, make it a JPEG, send it, pass the answer on.

import { Connection, REAL_WORLD } from "./connection.js";
import { Frames, sizeOf } from "./frames.js";
import { Rate } from "./rate.js";

/** @import { Answer, BitmapOrder, FramesOrder, HoldOrder, Order, Report, Size, StartOrder, TokenOrder } from "../messages.js" */
/** @import { World } from "./connection.js" */
/** @import { Frame } from "./frames.js" */
/** @typedef {(frame: Frame, size: Size) => Promise<Blob>} Encode */

// ms after which an unchanged frame is sent again at the latest: with some room for late timers
// that makes one reading a second.
const STILL = 700;
const PATIENCE = 2000; // ms for the page to bring a frame
const COUNTED = 4000; // ms over which readings are counted

export class Reader {
  /** @type {Rate | null} null while nothing is read */
  #rate = null;
  /** @type {any} */
  #timer = null;
  #encoding = false;
  /** @type {{jpeg: Blob | null, size: Size | null, sent: number}} */
  #last = { jpeg: null, size: null, sent: 0 };
  /** @type {number[]} */
  #readings = [];
  #turn = 0; // which Start this is
  #askedAt = Number.NEGATIVE_INFINITY; // when the page was asked for a frame that hasn't come

  /**
   * @param {(message: any) => void} post
   * @param {Encode} encode
   * @param {World} [world]
   */
  constructor(post, encode, world = REAL_WORLD) {
    this.post = post;
    this.encode = encode;
    this.world = world;
    this.frames = new Frames();
    this.connection = new Connection(
      {
        state: (state) => this.#report({ is: "state", state }),
        token: () => this.#report({ is: "token" }),
        tooBig: () => this.#rate?.tooBig(),
        faces: (answer, delay) => this.#answered(answer, delay),
        replaced: () => this.#report({ is: "replaced" }),
      },
      world,
    );
  }

  /** Carry out an order of the page.
   * @param {Order} order
   */
  handle(order) {
    switch (order.do) {
      case "start":
        return this.#start(order);
      case "frames":
        return this.frames.follow(order);
      case "hold":
        return this.#hold(order);
      case "bitmap":
        return this.#bitmap(order);
      case "token":
        return this.connection.renew(order.token, order.moved);
      case "wake":
        return this.connection.retryNow();
      case "stop":
        return this.#stop();
    }
  }

  /** @param {Report} report */
  #report(report) {
    this.post({ ...report, turn: this.#turn });
  }

  /** @param {StartOrder} order */
  #start({ url, token, source, turn, held }) {
    this.#turn = turn;
    this.#askedAt = Number.NEGATIVE_INFINITY;
    this.#rate = new Rate(source);
    this.#readings = [];
    this.#last = { jpeg: null, size: null, sent: 0 };
    this.connection.open(url, token);
    this.connection.rest(held);
    this.world.clearTimeout(this.#timer);
    this.#tick();
  }

  /** Stop reading while the window is minimised or the camera covered: the last frame is old.
   * @param {HoldOrder} order
   */
  #hold({ held }) {
    this.connection.rest(held);
    if (held) this.frames.put(null);
  }

  /** @param {BitmapOrder} order */
  #bitmap({ bitmap }) {
    this.#askedAt = Number.NEGATIVE_INFINITY;
    if (!this.#rate || this.connection.resting) {
      bitmap?.close();
      return;
    }
    if (bitmap) this.frames.put(bitmap);
    if (this.frames.fresh && this.connection.free && !this.#encoding) this.#send(this.world.now());
  }

  #stop() {
    this.#rate = null;
    this.world.clearTimeout(this.#timer);
    this.frames.stop();
    this.connection.close();
  }

  #tick() {
    if (!this.#rate) return;
    const began = this.world.now();
    this.connection.check(began);
    const { interval } = this.#rate;
    if (this.connection.free && !this.#encoding) {
      if (this.frames.pulling) this.#ask(began);
      else if (this.frames.fresh || began + interval - this.#last.sent > STILL) this.#send(began);
    }
    const wait = Math.max(5, interval - (this.world.now() - began));
    this.#timer = this.world.setTimeout(() => this.#tick(), wait);
  }

  /** @param {number} now */
  #ask(now) {
    if (now - this.#askedAt < PATIENCE) return;
    this.#askedAt = now;
    this.#report({ is: "want" });
  }

  /** @param {number} began */
  async #send(began) {
    const rate = this.#rate;
    const { fresh } = this.frames;
    const frame = this.frames.take();
    if (!frame || !rate) return;
    this.#encoding = true;
    try {
      const size = rate.sizeFor(sizeOf(frame));
      if (fresh || !this.#last.jpeg || String(size) !== String(this.#last.size)) {
        const jpeg = await this.encode(frame, size);
        if (this.#rate !== rate) return; // stopped meanwhile
        this.#last = { jpeg, size, sent: this.#last.sent };
      }
      const { jpeg } = this.#last;
      if (!jpeg || !this.connection.free) return;
      if (jpeg.size > this.connection.maxBytes) {
        rate.tooBig();
        return;
      }
      this.#last.sent = began;
      this.connection.send(jpeg, began);
    } catch {
      this.#last.jpeg = null; // the frame went away while it was drawn; the next one comes
    } finally {
      this.#encoding = false;
    }
  }

  /**
   * @param {Answer} answer
   * @param {number} delay
   */
  #answered(answer, delay) {
    if (!this.#rate) return;
    const now = this.world.now();
    const heights = answer.faces.map((face) => face[4]);
    const smallest = heights.length ? Math.min(...heights) : 0;
    this.#rate.answered(delay, answer.size[0], smallest, now);
    this.#readings = [...this.#readings.filter((at) => now - at < COUNTED), now];
    const count = this.#readings.length;
    const span = Math.max(1000, now - (this.#readings[0] ?? now));
    this.#report({
      is: "faces",
      size: answer.size,
      faces: answer.faces,
      snapshot: answer.news,
      delay: this.#rate.delay ?? delay,
      fps: count > 1 ? ((count - 1) * 1000) / span : 0,
    });
  }
}
