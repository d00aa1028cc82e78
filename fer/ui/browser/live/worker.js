// The loop: take the newest picture, make it a JPEG, send it, pass the answer on. In a worker, since
// a tab behind another window gets no animation frames and hardly any timers.

import { Frames, sizeOf } from "./frames.js";
import { Link } from "./connection.js";
import { Pace } from "./rate.js";

const QUALITY = 0.85;
// ms after which an unchanged picture is sent again at the latest: with some room for late timers
// that makes one reading a second.
const STILL = 700;
const PATIENCE = 2000; // ms for the page to bring a picture
const COUNTED = 4000; // ms over which readings are counted

const canvas = new OffscreenCanvas(1, 1);
const brush = canvas.getContext("2d", { alpha: false });
let pace = null; // null while nothing is read
let timer = null;
let encoding = false;
let last = { jpeg: null, size: null, sent: 0 };
let readings = [];
let turn = 0; // which Start this is
let asked = -Infinity; // when the page was asked for a picture that hasn't come

const tell = (message) => self.postMessage({ ...message, turn });
const frames = new Frames();
const link = new Link({
  state: (state) => tell({ is: "state", state }),
  token: () => tell({ is: "token" }),
  tooBig: () => pace?.tooBig(),
  faces: (answer, delay) => answered(answer, delay),
  replaced: () => tell({ is: "replaced" }),
});

const ORDERS = {
  start({ url, token, source, turn: now, held }) {
    turn = now;
    asked = -Infinity;
    pace = new Pace(source);
    readings = [];
    last = { jpeg: null, size: null, sent: 0 };
    link.open(url, token);
    link.rest(held);
    clearTimeout(timer);
    tick();
  },
  frames: (given) => frames.follow(given),
  // The window is minimised or the camera covered: what was seen last says nothing about now.
  hold({ held }) {
    link.rest(held);
    if (held) frames.put(null);
  },
  bitmap({ bitmap }) {
    asked = -Infinity;
    if (!pace || link.resting) return bitmap?.close();
    if (bitmap) frames.put(bitmap);
    if (frames.fresh && link.free && !encoding) send(performance.now());
  },
  token: ({ token, moved }) => link.renew(token, moved),
  wake: () => link.retryNow(),
  stop() {
    pace = null;
    clearTimeout(timer);
    frames.stop();
    link.close();
  },
};
self.onmessage = ({ data }) => ORDERS[data.do](data);

function tick() {
  const began = performance.now();
  link.check(began);
  if (link.free && !encoding) {
    if (frames.pulling) want(began);
    else if (frames.fresh || began + pace.interval - last.sent > STILL) send(began);
  }
  timer = setTimeout(tick, Math.max(5, pace.interval - (performance.now() - began)));
}

function want(now) {
  if (now - asked < PATIENCE) return;
  asked = now;
  tell({ is: "want" });
}

async function send(began) {
  const [run, fresh] = [pace, frames.fresh];
  const picture = frames.take();
  if (!picture) return;
  encoding = true;
  try {
    const size = pace.sizeFor(sizeOf(picture));
    if (fresh || !last.jpeg || String(size) !== String(last.size)) {
      const jpeg = await encoded(picture, size);
      if (pace !== run) return; // stopped meanwhile
      last = { jpeg, size, sent: last.sent };
    }
    if (!link.free) return;
    if (last.jpeg.size > link.maxBytes) {
      pace.tooBig();
      return;
    }
    last.sent = began;
    link.send(last.jpeg, began);
  } catch {
    last.jpeg = null; // the picture went away while it was drawn; the next one comes
  } finally {
    encoding = false;
  }
}

function encoded(picture, [width, height]) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  brush.imageSmoothingQuality = "high"; // small faces suffer from coarse scaling
  brush.drawImage(picture, 0, 0, width, height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

function answered(answer, delay) {
  if (!pace) return;
  const now = performance.now();
  const heights = answer.faces.map((face) => face[4]);
  pace.answered(delay, answer.size[0], heights.length ? Math.min(...heights) : 0, now);
  readings = [...readings.filter((at) => now - at < COUNTED), now];
  const span = Math.max(1000, now - readings[0]);
  tell({
    is: "faces",
    size: answer.size,
    faces: answer.faces,
    news: answer.news,
    delay: pace.delay,
    fps: readings.length > 1 ? ((readings.length - 1) * 1000) / span : 0,
  });
}
