// The way to the server: a socket that comes back by itself. Knows bytes and answers, no pictures.

const VERSION = 1;
const FIRST_WAIT = 300; // ms before the first new try; doubled each time
const LONGEST_WAIT = 4000;
const SILENCE = 12000; // ms without an answer after which the socket counts as dead
const BUSY_WAIT = 2000;
const BLIND = 3; // tries that fail without a reason before the token is doubted: proxies hide reasons
const ASK_AGAIN = 5000;
const REPLACED = 4001; // close code: another tab brings this lesson's pictures now

export class Link {
  #socket = null;
  #timer = null;
  #pending = new Map(); // sequence number: when it was sent
  #seq = 0;
  #failures = 0;
  #refused = null; // the token that the server didn't take
  #asked = 0;
  #called = 0; // when the socket was made

  // told: {state(name), faces(answer, delay), token(), tooBig(), replaced()}
  constructor(told) {
    this.told = told;
    this.inflight = 2;
    this.maxBytes = Infinity;
    this.ready = false;
    this.resting = false;
  }

  open(url, token) {
    this.url = url;
    this.token = token;
    if (!this.#socket && !this.#timer) this.#connect();
  }

  // A new token; where one was waited for, it is tried at once. Where it is for another session (the
  // page's was lost with its server), the socket changes over: the page must look at what it feeds.
  renew(token, moved) {
    this.token = token;
    const waitedFor = this.#refused !== null && token !== this.#refused;
    if (!moved && !waitedFor) return;
    this.#refused = null;
    if (this.#socket) this.#lost(this.#socket, { code: 0 });
    this.retryNow();
  }

  // Whether there is nothing to send for now. A line lost meanwhile is made again afterwards.
  rest(resting) {
    this.resting = resting;
    if (!resting) this.retryNow();
  }

  get free() {
    return this.ready && !this.resting && this.#pending.size < this.inflight;
  }

  send(jpeg, began) {
    const header = new DataView(new ArrayBuffer(16));
    this.#seq = (this.#seq + 1) >>> 0;
    header.setUint32(0, VERSION, true);
    header.setUint32(4, this.#seq, true);
    header.setFloat64(8, performance.timeOrigin + began, true);
    this.#pending.set(this.#seq, began);
    this.#socket.send(new Blob([header, jpeg]));
  }

  // After sleep or a change of network: don't wait out a long pause.
  retryNow() {
    if (!this.url || this.ready) return;
    this.#failures = 0;
    if (!this.#socket) this.#connect();
  }

  // To be called now and then: a cable that was pulled closes no socket.
  check(now) {
    const oldest = this.#pending.values().next().value;
    const since = this.ready ? oldest : this.#called;
    if (this.#socket && now - since > SILENCE) this.#lost(this.#socket, { code: 0 });
    if (this.#refused !== null && now - this.#asked > ASK_AGAIN) this.#ask();
  }

  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#timer = this.#socket = this.url = this.#refused = null;
    this.ready = false;
    this.#pending.clear();
    socket?.close(1000);
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const socket = new WebSocket(`${this.url}?token=${encodeURIComponent(this.token)}`);
    this.#socket = socket;
    this.#called = performance.now();
    this.tried = this.token;
    socket.onmessage = (event) => this.#socket === socket && this.#heard(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(socket, event);
  }

  #heard(answer) {
    if ("hello" in answer) {
      this.inflight = answer.inflight ?? this.inflight;
      this.maxBytes = answer.max_bytes ?? this.maxBytes;
      this.ready = true;
      this.#refused = null;
      this.told.state("live");
      return;
    }
    const began = this.#pending.get(answer.seq);
    if (began === undefined) return;
    for (const seq of this.#pending.keys()) {
      this.#pending.delete(seq); // those before it were left out, and get no answer
      if (seq === answer.seq) break;
    }
    this.#failures = 0;
    this.told.faces(answer, performance.now() - began);
  }

  #lost(socket, { code }) {
    if (socket !== this.#socket) return; // an earlier one, which this tab itself has replaced
    if (code === REPLACED) {
      this.close(); // or each would throw the other out for ever
      this.told.replaced();
      return;
    }
    this.#socket = null;
    this.ready = false;
    this.#pending.clear();
    socket.onclose = null;
    socket.close();
    if (this.resting) return;
    if (code === 1009) this.told.tooBig();
    this.told.state(code === 1013 ? "busy" : "reconnecting");
    this.#failures += 1;
    const doubted = code === 1008 || this.#failures % BLIND === 0;
    if (doubted && this.token === this.tried) {
      this.#refused = this.tried;
      this.#ask();
    }
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.#failures - 1));
    // Some chance in it, so that a school's classes don't all come back in the same moment.
    const wait = longest * (0.6 + 0.4 * Math.random()) + (code === 1013 ? BUSY_WAIT : 0);
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #ask() {
    this.#asked = performance.now();
    this.told.token();
  }
}
