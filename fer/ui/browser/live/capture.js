// @ts-check
// Where pictures come from: a camera or a shared window. Runs in the page, which alone may ask.

import { text } from "../text.js";

/** @import { Order, Source } from "../messages.js" */
/** @typedef {{postMessage: (order: Order, transfer?: any) => void}} OrderPort */

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const SCREEN = {
  video: { displaySurface: "window", frameRate: { ideal: 15, max: 30 } },
  audio: false,
  selfBrowserSurface: "exclude", // sharing this tab would show the page inside itself
  surfaceSwitching: "include",
};

/** Return the key of the sentence why this browser can't give pictures at all; null if it can.
 * @param {Source} source
 */
export function obstacleTo(source) {
  if (!navigator.mediaDevices?.getUserMedia) return "insecure";
  return source === "screen" && !navigator.mediaDevices.getDisplayMedia ? "no_sharing" : null;
}

/** Return a stream of pictures; throw what the browser throws.
 * @param {Source} source
 * @param {string | null} device
 */
export async function open(source, device) {
  if (source === "screen") {
    const stream = await navigator.mediaDevices.getDisplayMedia(SCREEN);
    // Small faces before smooth motion.
    for (const track of stream.getVideoTracks()) track.contentHint = "detail";
    return stream;
  }
  const wanted = device ? { ...CAMERA, deviceId: { exact: device } } : CAMERA;
  return navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
}

/** Return true if the camera is forbidden, as far as the browser says. */
export async function forbidden() {
  try {
    const name = /** @type {PermissionName} */ ("camera");
    return (await navigator.permissions.query({ name })).state === "denied";
  } catch {
    return false; // it knows no such permission
  }
}

/** Return the cameras; their names are empty until the page has been allowed one.
 * @returns {Promise<[id: string, name: string][]>}
 */
export async function cameras() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return all
    .filter((one) => one.kind === "videoinput" && one.deviceId)
    .map((one, at) => [one.deviceId, one.label || text("camera", { n: at + 1 })]);
}

/** Give a track's frames to the worker in the best way that this browser has. Return a function
 * that sends one frame; the worker asks for it only where frames don't flow by themselves.
 * @param {MediaStreamTrack} track
 * @param {HTMLVideoElement} video
 * @param {OrderPort} worker
 */
export function handOver(track, video, worker) {
  const pull = pullFrom(track, video, worker);
  if ("MediaStreamTrackProcessor" in window) {
    // @ts-expect-error -- TypeScript's DOM library has no MediaStreamTrackProcessor
    const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 });
    worker.postMessage({ do: "frames", readable }, [readable]);
    return pull;
  }
  const copy = track.clone(); // Safari has the processor in workers only
  try {
    worker.postMessage({ do: "frames", track: copy }, [copy]);
  } catch {
    copy.stop(); // or the camera would stay on with it
    worker.postMessage({ do: "frames" }); // Firefox can't send tracks: the worker will ask
  }
  return pull;
}

/**
 * @param {MediaStreamTrack} track
 * @param {HTMLVideoElement} video
 * @param {OrderPort} worker
 */
function pullFrom(track, video, worker) {
  /** @type {any} */
  let capture = null;
  return async () => {
    try {
      if ("ImageCapture" in window) capture ??= new ImageCapture(track);
      const bitmap = await (capture?.grabFrame?.() ?? createImageBitmap(video));
      worker.postMessage({ do: "bitmap", bitmap }, [bitmap]);
    } catch {
      worker.postMessage({ do: "bitmap", bitmap: null }); // none yet: it will ask again
    }
  };
}
