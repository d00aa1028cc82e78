// Where pictures come from: a camera or a shared window. Runs in the page, which alone may ask.

import { say } from "../text.js";

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const SCREEN = {
  video: { displaySurface: "window", frameRate: { ideal: 15, max: 30 } },
  audio: false,
  selfBrowserSurface: "exclude", // this page within itself would be a hall of mirrors
  surfaceSwitching: "include",
};

// Why this browser can't give pictures at all, as a sentence's key; null where it can.
export function obstacleTo(source) {
  if (!navigator.mediaDevices?.getUserMedia) return "insecure";
  return source === "screen" && !navigator.mediaDevices.getDisplayMedia ? "no_sharing" : null;
}

// A stream of pictures; throws what the browser throws.
export async function open(source, device) {
  if (source === "screen") {
    const stream = await navigator.mediaDevices.getDisplayMedia(SCREEN);
    stream.getVideoTracks()[0].contentHint = "detail"; // small faces before smooth motion
    return stream;
  }
  const wanted = device ? { ...CAMERA, deviceId: { exact: device } } : CAMERA;
  return navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
}

// Whether somebody said no to the camera, if the browser tells.
export async function forbidden() {
  try {
    return (await navigator.permissions.query({ name: "camera" })).state === "denied";
  } catch {
    return false; // it knows no such permission
  }
}

// The cameras as [id, name]; names are empty until the page has been allowed one.
export async function cameras() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return all
    .filter((one) => one.kind === "videoinput" && one.deviceId)
    .map((one, at) => [one.deviceId, one.label || say("camera", { n: at + 1 })]);
}

// Gives a track's pictures to the worker in the best way that this browser has. What is returned
// answers the worker's wish for a picture; it is only called where pictures don't flow by themselves.
export function handOver(track, video, worker) {
  const pull = pullFrom(track, video, worker);
  if ("MediaStreamTrackProcessor" in window) {
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

function pullFrom(track, video, worker) {
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
