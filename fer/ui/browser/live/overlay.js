// @ts-check
// Draws boxes and words over the picture.

import { labelsOf, marksOf } from "./layout.js";

/** @import { FaceRow, Size } from "../messages.js" */
/** @import { Label, Mark, Style } from "./layout.js" */

const DARK = "#202020";
const GREY = "#bebebe";
const STALE = 3000; // ms after which boxes no longer fit the picture

export class Overlay {
  /** @type {{size: Size, faces: FaceRow[]} | null} */
  #answer = null;
  #answeredAt = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Style} style
   */
  constructor(canvas, style) {
    this.canvas = canvas;
    this.style = style;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(canvas);
  }

  /** @param {{size: Size, faces: FaceRow[]}} answer */
  show(answer) {
    this.#answer = answer;
    this.#answeredAt = performance.now();
    this.draw();
  }

  /** Clear old boxes; call this now and then, since those of a broken connection must not stay. */
  clearOld() {
    if (this.#answer && performance.now() - this.#answeredAt > STALE) this.clear();
  }

  clear() {
    this.#answer = null;
    this.draw();
  }

  close() {
    this.resizing.disconnect();
  }

  draw() {
    const { canvas, context } = this;
    const dots = window.devicePixelRatio;
    /** @type {Size} */
    const shown = [canvas.clientWidth, canvas.clientHeight];
    const [width, height] = [Math.round(shown[0] * dots), Math.round(shown[1] * dots)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!this.#answer) return;
    context.setTransform(dots, 0, 0, dots, 0, 0);
    const { faces, size } = this.#answer;
    const marks = marksOf(faces, size, shown, this.style);
    for (const mark of marks) this.#drawBox(mark);
    const labels = labelsOf(marks, shown, (text, textSize) => {
      this.#setFont(textSize);
      return context.measureText(text).width;
    });
    for (const label of labels) this.#drawLabel(label); // after all boxes: no line crosses a word
  }

  /** @param {number} size */
  #setFont(size) {
    this.context.font = `600 ${size}px system-ui, sans-serif`;
  }

  /** @param {Mark} mark */
  #drawBox({ box: [x, y, w, h], colour, line }) {
    const { context } = this;
    const around = /** @type {const} */ ([x - line / 2, y - line / 2, w + line, h + line]);
    context.strokeStyle = DARK; // sets the colour off on any ground
    context.lineWidth = line + 2;
    context.strokeRect(...around);
    context.strokeStyle = colour ?? GREY;
    context.lineWidth = line;
    context.strokeRect(...around);
  }

  /** @param {Label} label */
  #drawLabel({ place, plates, sizeOfText }) {
    const { context } = this;
    let [x, top, , high] = place;
    this.#setFont(sizeOfText);
    context.textBaseline = "alphabetic";
    for (const { text, ground, ink, pad, width } of plates) {
      context.fillStyle = ground;
      context.fillRect(x, top, width, high);
      context.fillStyle = ink;
      context.fillText(text, x + pad, top + Math.round(1.03 * sizeOfText));
      x += width;
    }
  }
}
