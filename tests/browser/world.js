// Time that only the test moves, and sockets that it opens, answers and closes.

class FakeSocket {
  closed = null;
  sent = []; // frames
  first = "{}"; // the message with the token

  constructor(url) {
    this.url = url;
  }

  send(data) {
    if (typeof data === "string") this.first = data;
    else this.sent.push(data);
  }

  close(code) {
    this.closed = code ?? 1000;
  }

  /** The token in the first message. */
  get token() {
    return JSON.parse(this.first).token;
  }

  answer(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  drop(code = 1006) {
    this.onclose?.({ code });
  }

  greet() {
    this.onopen();
    this.answer({ hello: "lesson", inflight: 2, max_bytes: 9 });
  }
}

export class FakeWorld {
  time = 1000;
  timeOrigin = 0;
  timers = [];
  sockets = [];
  random = Math.random;

  now = () => this.time;

  setTimeout = (run, ms) => {
    const timer = { run, at: this.time + ms };
    this.timers.push(timer);
    return timer;
  };

  clearTimeout = (timer) => {
    this.timers = this.timers.filter((one) => one !== timer);
  };

  socket = (url) => {
    const socket = new FakeSocket(url);
    this.sockets.push(socket);
    return socket;
  };

  get last() {
    return this.sockets.at(-1);
  }

  // Let time pass, and run the timers that are due.
  pass(ms) {
    const end = this.time + ms;
    for (;;) {
      const [next] = this.timers.filter((one) => one.at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.clearTimeout(next);
      this.time = next.at;
      next.run();
    }
    this.time = end;
  }
}

// Let everything run that only waits for promises.
export const settle = () => new Promise((done) => setTimeout(done, 1));
