// What is said to the teacher, in the page's language. Each sentence says what happened and what to
// do now; the page hands them over by their keys.

let sentences = {};

export function speak(given) {
  sentences = given;
}

export function say(key, values = {}) {
  const put = (said, [name, value]) => said.replaceAll(`{${name}}`, value);
  return Object.entries(values).reduce(put, sentences[key] ?? key);
}

// The sentence for what getUserMedia or getDisplayMedia threw.
export function sentenceFor(fault, source) {
  switch (fault?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return say(`denied_${source}`);
    case "NotFoundError":
      return say(`not_found_${source}`);
    case "NotReadableError":
    case "AbortError":
      return say(`taken_${source}`);
    case "OverconstrainedError":
      return say("gone");
    default:
      return say("failed", { name: fault?.name ?? "?" });
  }
}
