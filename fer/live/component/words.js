// What is said to the teacher: each sentence says what happened and what to do now.

export const HINTS = {
  screen: "Press Start, then choose the window with your call's gallery.",
  camera: "Press Start and allow the camera.",
};

const DENIED = {
  screen: "Sharing was not allowed. Press Start again and choose the call's window. If no list of "
    + "windows opens, allow screen recording for this browser in the system's privacy settings.",
  camera: "The camera was not allowed. Press the camera sign in the address bar, allow it for this "
    + "page, then press Start again.",
};

export const SAYINGS = {
  insecure: "The browser gives cameras and screens only to safe addresses. Open this "
    + "page with https://, or on this computer as http://localhost.",
  noSharing: "This browser can't share a window; no phone's or tablet's can. Read the camera, or open "
    + "this page on a computer.",
  shareEnded: "Sharing has ended. Press Start to choose a window again.",
  unplugged: "The camera has stopped. If it was unplugged, plug it in again and it goes on by "
    + "itself; if not, press Start.",
  muted: "No pictures are coming. If the window is minimised, bring it back; if the "
    + "camera is covered or switched off, switch it on.",
  broken: "This browser could not set up the reading. Load the page again; if that does not help, take "
    + "a newer Chrome, Edge, Firefox or Safari.",
  busy: "The server is reading as many classes as it can. This one waits and tries again "
    + "by itself.",
  reconnecting: "The connection was lost. It is being made again by itself; there is "
    + "nothing you need to do.",
};

// The sentence for what getUserMedia or getDisplayMedia threw.
export function sentenceFor(fault, source) {
  switch (fault?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return DENIED[source];
    case "NotFoundError":
      return source === "camera"
        ? "No camera was found. Plug one in, then press Start again."
        : "There is nothing to share. Open the call's window, then press Start again.";
    case "NotReadableError":
    case "AbortError":
      return source === "camera"
        ? "The camera is in use by another program. Close it there, or choose another camera, then "
          + "press Start again."
        : "The system did not give the window's picture. Allow screen recording for this browser in "
          + "the system's privacy settings, then press Start again.";
    case "OverconstrainedError":
      return "This camera is not there any more. Choose another one, then press Start again.";
    default:
      return `The picture could not be had (${fault?.name ?? "unknown fault"}). Press Start to try again.`;
  }
}
