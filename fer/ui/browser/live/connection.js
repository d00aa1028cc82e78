// @ts-check
// The connection to the server: a socket that comes back by itself. Knows bytes and answers only.

import { frameHeader, parseMessage, REPLACED, UNREADABLE } from "../messages.js";

/** @import { Answer } from "../messages.js" */

/** Time and sockets; tests pass their own.
 * @typedef {object} World
 * @property {() => number} now ms
 * @property {number} timeOrigin
 * @property {(run: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {(url: string) => any} socket
 * @property {() => number} random
 */
/** @typedef {object} Listener
 * @property {(state: "live" | "reconnecting" | "busy" | "unreadable") => void} state
 * @property {(answer: Answer, delay: number) => void} faces
 * @property {() => void} token a new token is needed
 * @property {() => void} tooBig
 * @property {() => void} replaced
 */

const FIRST_WAIT = 300; // ms before the first new try; doubled each time
const LONGEST_WAIT = 4000;
const SILENCE = 12000; // ms without an answer after which the socket counts as dead
const BUSY_WAIT = 2000;
const BLIND = 3; // failures without a reason before the token is doubted: proxies hide reasons
const ASK_AGAIN = 5000;
const POLICY = 1008; // WebSocket close codes
const TOO_BIG = 1009;
const TRY_LATER = 1013;
/** Close codes after which there is something to say.
 * @type {Record<number, "busy" | "unreadable">} */
const LOST = { [TRY_LATER]: "busy", [UNREADABLE]: "unreadable" };

/** @type {World} */
export const REAL_WORLD = {
  now: () => performance.now(),
  timeOrigin: performance.timeOrigin,
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  socket: (url) => new WebSocket(url),
  random: Math.random,
};

export class Connection {
  /** @type {any} */
  #socket = null;
  /** @type {any} */
  #timer = null;
  /** @type {Map<number, number>} sequence number: when it was sent */
  #pending = new Map();
  #seq = 0;
  #failures = 0;
  /** @type {string | null} the token that the server refused */
  #refused = null;
  #askedAt = 0;
  #connectedAt = 0; // when the socket was made
  /** @type {string | null} */
  #url = null;
  #token = "";
  #triedToken = "";

  /**
   * @param {Listener} listener
   * @param {World} [world]
   */
  constructor(listener, world = REAL_WORLD) {
    this.listener = listener;
    this.world = world;
    this.inFlight = 2;
    this.maxBytes = Number.POSITIVE_INFINITY;
    this.ready = false;
    this.resting = false;
  }

  /**
   * @param {string} url
   * @param {string} token
   */
  open(url, token) {
    this.#url = url;
    this.#token = token;
    if (!this.#socket && !this.#timer) this.#connect();
  }

  /** Take a new token; if one was waited for, try it at once. If it is for another lesson (the
   * page's was lost with its server), change the socket over: the page must show what it feeds.
   * @param {string} token
   * @param {boolean} moved
   */
  renew(token, moved) {
    this.#token = token;
    const waitedFor = this.#refused !== null && token !== this.#refused;
    if (!moved && !waitedFor) return;
    this.#refused = null;
    if (this.#socket) this.#lost(this.#socket, 0);
    this.retryNow();
  }

  /** Send nothing for now, or go on. A connection that was lost meanwhile is made again.
   * @param {boolean} resting
   */
  rest(resting) {
    this.resting = resting;
    if (!resting) this.retryNow();
  }

  get free() {
    return this.ready && !this.resting && this.#pending.size < this.inFlight;
  }

  /**
   * @param {Blob} jpeg
   * @param {number} began when the frame was taken
   */
  send(jpeg, began) {
    this.#seq = (this.#seq + 1) >>> 0;
    this.#pending.set(this.#seq, began);
    this.#socket.send(new Blob([frameHeader(this.#seq, this.world.timeOrigin + began), jpeg]));
  }

  /** Connect without waiting, as after sleep or a change of network. */
  retryNow() {
    if (!this.#url || this.ready) return;
    this.#failures = 0;
    if (!this.#socket) this.#connect();
  }

  /** Find a dead connection; call this now and then, since a pulled cable closes no socket.
   * @param {number} now
   */
  check(now) {
    const since = this.ready ? this.#pending.values().next().value : this.#connectedAt;
    if (this.#socket && since !== undefined && now - since > SILENCE) this.#lost(this.#socket, 0);
    if (this.#refused !== null && now - this.#askedAt > ASK_AGAIN) this.#askForToken();
  }

  close() {
    this.world.clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#timer = this.#socket = this.#url = this.#refused = null;
    this.ready = false;
    this.#pending.clear();
    socket?.close(1000);
  }

  #connect() {
    this.world.clearTimeout(this.#timer);
    this.#timer = null;
    const token = this.#token;
    const socket = this.world.socket(/** @type {string} */ (this.#url));
    this.#socket = socket;
    this.#connectedAt = this.world.now();
    this.#triedToken = token;
    // In the first message and not in the address, which proxies log.
    socket.onopen = () => socket.send(JSON.stringify({ token }));
    socket.onmessage = (/** @type {{data: string}} */ event) => {
      if (this.#socket === socket) this.#receive(event.data);
    };
    socket.onclose = (/** @type {{code: number}} */ event) => this.#lost(socket, event.code);
  }

  /** @param {string} data */
  #receive(data) {
    const message = parseMessage(data);
    if ("hello" in message) {
      this.inFlight = message.inflight ?? this.inFlight;
      this.maxBytes = message.max_bytes ?? this.maxBytes;
      this.ready = true;
      this.#refused = null;
      this.listener.state("live");
      return;
    }
    const began = this.#pending.get(message.seq);
    if (began === undefined) return;
    for (const seq of this.#pending.keys()) {
      this.#pending.delete(seq); // those before it were dropped, and get no answer
      if (seq === message.seq) break;
    }
    this.#failures = 0;
    this.listener.faces(message, this.world.now() - began);
  }

  /**
   * @param {any} socket
   * @param {number} code
   */
  #lost(socket, code) {
    if (socket !== this.#socket) return; // an earlier one, which this tab itself has replaced
    if (code === REPLACED) {
      this.close(); // or the two tabs would replace each other for ever
      this.listener.replaced();
      return;
    }
    this.#socket = null;
    this.ready = false;
    this.#pending.clear();
    socket.onclose = null;
    socket.close();
    if (this.resting) return;
    if (code === TOO_BIG) this.listener.tooBig();
    this.listener.state(LOST[code] ?? "reconnecting");
    this.#failures += 1;
    const doubted = code === POLICY || this.#failures % BLIND === 0;
    if (doubted && this.#token === this.#triedToken) {
      this.#refused = this.#triedToken;
      this.#askForToken();
    }
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.#failures - 1));
    // Partly random, so that a school's classes don't all come back at the same time.
    const wait = longest * (0.6 + 0.4 * this.world.random());
    const more = code in LOST ? BUSY_WAIT : 0;
    this.#timer = this.world.setTimeout(() => this.#connect(), wait + more);
  }

  #askForToken() {
    this.#askedAt = this.world.now();
    this.listener.token();
  }
}
