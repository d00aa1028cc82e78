// The newest picture, in the worker. Older ones are closed at once: a capture has few to lend.

export class Frames {
  #latest = null;
  #reader = null;
  #track = null;

  pulling = false; // whether the page must be asked for every picture
  fresh = false; // whether there is a picture that wasn't taken yet

  follow({ readable, track }) {
    this.stop();
    if (track && "MediaStreamTrackProcessor" in self) {
      readable = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable;
      this.#track = track;
    } else {
      track?.stop();
    }
    this.pulling = !readable;
    if (readable) this.#read(readable.getReader());
  }

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
      // The stream was cancelled, or its track ended: the page knows from the track itself.
    }
  }

  put(picture) {
    this.#latest?.close();
    this.#latest = picture;
    this.fresh = picture !== null;
  }

  // The newest picture, lent until the next one comes; null before the first.
  take() {
    this.fresh = false;
    return this.#latest;
  }

  stop() {
    this.#reader?.cancel().catch(() => {});
    this.#track?.stop(); // the page's own was another: the camera is on until both have ended
    this.#reader = this.#track = null;
    this.pulling = false;
    this.put(null);
  }
}

// Width and height of a VideoFrame or an ImageBitmap.
export function sizeOf(picture) {
  return [picture.displayWidth ?? picture.width, picture.displayHeight ?? picture.height];
}
