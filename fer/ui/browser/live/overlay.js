// Boxes and words over the picture, in the look that fer/vision/draw.py gives them on the server.

const SURE = 0.5;
const DARK = "#202020";
const GREY = "#bebebe";
const STALE = 3000; // ms after which boxes no longer say anything about the picture
const SIZES = [11, 13, 16, 20, 25]; // few, so that a label doesn't flicker as a face comes nearer

export class Overlay {
  #brush;
  #answer = null;
  #at = 0;

  // looks: [word, colour, ink] of each emotion
  constructor(canvas, looks) {
    this.canvas = canvas;
    this.looks = looks;
    this.#brush = canvas.getContext("2d");
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(canvas);
  }

  show(answer) {
    this.#answer = answer;
    this.#at = performance.now();
    this.draw();
  }

  // To be called now and then: boxes of a broken connection must not stay.
  forgetOld() {
    if (this.#answer && performance.now() - this.#at > STALE) this.clear();
  }

  clear() {
    this.#answer = null;
    this.draw();
  }

  close() {
    this.resizing.disconnect();
  }

  draw() {
    const { canvas } = this;
    const [wide, high, dots] = [canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio];
    const [width, height] = [Math.round(wide * dots), Math.round(high * dots)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const brush = this.#brush;
    brush.setTransform(1, 0, 0, 1, 0, 0);
    brush.clearRect(0, 0, width, height);
    if (!this.#answer) return;
    const { size, faces } = this.#answer;
    brush.setTransform(dots, 0, 0, dots, 0, 0);
    const marks = faces.map((face) => this.#mark(face, wide / size[0], high / size[1]));
    marks.forEach((mark) => this.#frame(mark));
    const taken = marks.map((mark) => mark.box); // and, as they are put, the labels
    // After all boxes, so that no line crosses a word.
    marks.filter((mark) => mark.look).forEach((mark) => this.#label(mark, taken, wide, high));
  }

  #mark([, x, y, w, h, emotion, percent], across, down) {
    const box = [x * across, y * down, w * across, h * down];
    const sure = percent >= 100 * SURE;
    const look = this.looks[emotion];
    const line = Math.max(1, Math.min(2, box[2] / 12) * (sure && look ? 1 : 0.5));
    return { box, sure, look, line, percent: Math.round(percent) };
  }

  #frame({ box: [x, y, w, h], look, line }) {
    const brush = this.#brush;
    brush.strokeStyle = DARK; // sets the colour off on any ground
    brush.lineWidth = line + 2;
    brush.strokeRect(x - line / 2, y - line / 2, w + line, h + line);
    brush.strokeStyle = look ? look[1] : GREY;
    brush.lineWidth = line;
    brush.strokeRect(x - line / 2, y - line / 2, w + line, h + line);
  }

  #label({ box, sure, look: [word, colour, ink], line, percent }, taken, wide, tall) {
    const wanted = Math.max(SIZES[0], Math.min(0.2 * box[2], SIZES.at(-1)));
    const size = SIZES.findLast((one) => one <= wanted);
    const named = sure ? [word, colour, ink] : [`${word}?`, DARK, "#fff"];
    this.#brush.font = `600 ${size}px system-ui, sans-serif`;
    const pieces = [named, [`${percent}%`, DARK, "#fff"]].map((piece) => this.#plate(piece, size));
    const [x, y, w, h] = grown(box, line + 1);
    const others = taken.filter((other) => other !== box);
    let best = null;
    // The whole label before the word alone, above before below; the first that covers least.
    for (const count of [2, 1]) {
      const shown = pieces.slice(0, count);
      const [total, high] = [sumOf(shown.map((piece) => piece.width)), Math.round(1.4 * size)];
      for (const top of [y - high, y + h]) {
        for (const left of [x, x + w - total]) {
          const [insideX, insideY] = [within(left, wide - total), within(top, tall - high)];
          const place = [insideX, insideY, total, high];
          const covers = sumOf(others.map((other) => shared(place, other)));
          if (!best || covers < best.covers) best = { covers, place, shown };
          if (!covers) return this.#put(best, size, taken);
        }
      }
    }
    this.#put(best, size, taken);
  }

  #plate([text, ground, ink], size) {
    const pad = Math.round(0.3 * size);
    return { text, ground, ink, pad, width: Math.ceil(this.#brush.measureText(text).width) + 2 * pad };
  }

  #put({ place, shown }, size, taken) {
    const brush = this.#brush;
    let [x, top, , high] = place;
    taken.push(place);
    brush.textBaseline = "alphabetic";
    for (const { text, ground, ink, pad, width } of shown) {
      brush.fillStyle = ground;
      brush.fillRect(x, top, width, high);
      brush.fillStyle = ink;
      brush.fillText(text, x + pad, top + Math.round(1.03 * size));
      x += width;
    }
  }
}

const sumOf = (numbers) => numbers.reduce((sum, one) => sum + one, 0);
const within = (value, most) => Math.round(Math.max(0, Math.min(value, most)));
const grown = ([x, y, w, h], by) => [x - by, y - by, w + 2 * by, h + 2 * by];

// How many pixels two boxes share.
function shared([x, y, w, h], [left, top, wide, high]) {
  const across = Math.min(x + w, left + wide) - Math.max(x, left);
  const down = Math.min(y + h, top + high) - Math.max(y, top);
  return Math.max(0, across) * Math.max(0, down);
}
