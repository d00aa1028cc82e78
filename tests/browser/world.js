// Time that only the test moves, and sockets that it opens, answers and closes.

class FakeSocket {
  closed = null;
  sent = [];

  constructor(url) {
    this.url = url;
  }

  send(data) {
    this.sent.push(data);
  }

  close(code) {
    this.closed = code ?? 1000;
  }

  answer(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  drop(code = 1006) {
    this.onclose?.({ code });
  }

  greet() {
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
