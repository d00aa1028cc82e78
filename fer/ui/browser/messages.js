// @ts-check
// Messages between the page, its worker and the server, as types; and the readers of the server's.

/** A row of an answer: id, box (x, y, width, height), emotion's index or -1, percent.
 * @typedef {[id: number, x: number, y: number, width: number, height: number, emotion: number, percent: number]} FaceRow
 */
/** @typedef {[width: number, height: number]} Size */
/** @typedef {"camera" | "screen"} Source */
/** @typedef {"idle" | "asking" | "live" | "reconnecting" | "denied" | "ended" | "busy" | "unreadable"} ViewState */

/** The class at one time: `class_numbers` of fer/server/protocol.py. null: not known.
 * @typedef {object} Snapshot
 * @property {number} time seconds
 * @property {number} faces
 * @property {(number | null)[]} shares of the seven emotions
 * @property {Record<string, number | null>} looks share of each indicator
 * @property {number | null} balance
 * @property {number | null} liveliness
 * @property {(number | null)[]} line balance over the last minute
 * @property {string[]} alerts indicators whose alert has fired
 * @property {boolean} paused
 */

// From the server.

/** @typedef {{hello: string, inflight: number, max_bytes: number}} Hello */
/** The key "news" holds a snapshot of the class, about once a second.
 * @typedef {{seq: number, time: number, size: Size, ms: number, left_out: number, faces: FaceRow[], news?: Snapshot}} Answer
 */

// From the page to the worker.

/** @typedef {{do: "start", url: string, token: string, source: Source, turn: number, held: boolean}} StartOrder */
/** @typedef {{do: "frames", readable?: ReadableStream<VideoFrame>, track?: MediaStreamTrack}} FramesOrder */
/** @typedef {{do: "hold", held: boolean}} HoldOrder */
/** @typedef {{do: "bitmap", bitmap: ImageBitmap | null}} BitmapOrder */
/** @typedef {{do: "token", token: string, moved: boolean}} TokenOrder */
/** @typedef {StartOrder | FramesOrder | HoldOrder | BitmapOrder | TokenOrder | {do: "wake"} | {do: "stop"}} Order */

// From the worker to the page.

/** @typedef {{size: Size, faces: FaceRow[], snapshot?: Snapshot, delay: number, fps: number}} Reading */
/** @typedef {{is: "state", state: "live" | "reconnecting" | "busy" | "unreadable"} | {is: "token"} | {is: "want"} | {is: "replaced"} | ({is: "faces"} & Reading)} Report */
/** A report and the Start that it belongs to.
 * @typedef {Report & {turn: number}} WorkerMessage
 */

export const VERSION = 1;
export const HEADER_BYTES = 16;
export const REPLACED = 4001; // close code: another page sends this lesson's frames now
export const UNREADABLE = 4002; // close code: the server cannot read pictures

/** Return the header of a frame: version, number, the client's time in milliseconds.
 * @param {number} seq
 * @param {number} time
 */
export function frameHeader(seq, time) {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  header.setUint32(0, VERSION, true);
  header.setUint32(4, seq, true);
  header.setFloat64(8, time, true);
  return header;
}

/** Return a message of the server.
 * @param {string} text
 * @returns {Hello | Answer}
 */
export function parseMessage(text) {
  return JSON.parse(text);
}
