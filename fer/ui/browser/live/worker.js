// @ts-check
// The worker: a tab behind another window gets no animation frames and hardly any timers, so frames
// are read, encoded and sent here.

import { Reader } from "./reader.js";

/** @import { Size } from "../messages.js" */
/** @import { Frame } from "./frames.js" */

const QUALITY = 0.85;
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { alpha: false });

/**
 * @param {Frame} frame
 * @param {Size} size
 */
function encode(frame, [width, height]) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  if (context) {
    context.imageSmoothingQuality = "high"; // small faces suffer from coarse scaling
    context.drawImage(frame, 0, 0, width, height);
  }
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

const reader = new Reader((message) => self.postMessage(message), encode);
self.onmessage = ({ data }) => reader.handle(data);
