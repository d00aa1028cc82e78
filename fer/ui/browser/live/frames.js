// @ts-check
// The newest frame, in the worker. Older ones are closed at once: a capture has few to lend.

/** @import { Size } from "../messages.js" */
/** @typedef {VideoFrame | ImageBitmap} Frame */

export class Frames {
  /** @type {Frame | null} */
  #latest = null;
  /** @type {ReadableStreamDefaultReader<VideoFrame> | null} */
  #reader = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;

  pulling = false; // true if the page must be asked for every frame
  fresh = false; // true if there is a frame that wasn't taken yet

  /** Read frames from a stream or a track; without both, wait for `put`.
   * @param {{readable?: ReadableStream<VideoFrame>, track?: MediaStreamTrack}} from
   */
  follow({ readable, track }) {
    this.stop();
    let source = readable;
    if (track && "MediaStreamTrackProcessor" in globalThis) {
      // @ts-expect-error -- TypeScript's DOM library has no MediaStreamTrackProcessor
      source = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable;
      this.#track = track;
    } else {
      track?.stop();
    }
    this.pulling = !source;
    if (source) this.#read(source.getReader());
  }

  /** @param {ReadableStreamDefaultReader<VideoFrame>} reader */
  async #read(reader) {
    this.#reader = reader;
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        if (this.#reader === reader) this.put(value);
        else value.close();
      }
    } catch {
      // The stream was cancelled, or its track ended: the page hears of that from the track.
    }
  }

  /** @param {Frame | null} frame */
  put(frame) {
    this.#latest?.close();
    this.#latest = frame;
    this.fresh = frame !== null;
  }

  /** Return the newest frame, lent until the next one comes; null before the first. */
  take() {
    this.fresh = false;
    return this.#latest;
  }

  stop() {
    this.#reader?.cancel().catch(() => {});
    this.#track?.stop(); // a copy of the page's: the camera is on until both have ended
    this.#reader = this.#track = null;
    this.pulling = false;
    this.put(null);
  }
}

/** Return width and height of a frame.
 * @param {Frame} frame
 * @returns {Size}
 */
export function sizeOf(frame) {
  return "displayWidth" in frame
    ? [frame.displayWidth, frame.displayHeight]
    : [frame.width, frame.height];
}
