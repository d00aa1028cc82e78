// @ts-check
// Sentences for the teacher, in the page's language. Python hands them over by their keys.

/** @type {Record<string, string>} */
let sentences = {};

/** Take over the page's sentences.
 * @param {Record<string, string>} given
 */
export function setTexts(given) {
  sentences = given;
}

/** Return the sentence of a key, with values put in; the key itself where there is none.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function text(key, values = {}) {
  return fill(sentences[key] ?? key, values);
}

/** Return a sentence with each {name} replaced by its value.
 * @param {string} sentence
 * @param {Record<string, string | number>} values
 */
export function fill(sentence, values) {
  let filled = sentence;
  for (const [name, value] of Object.entries(values)) {
    filled = filled.replaceAll(`{${name}}`, String(value));
  }
  return filled;
}

/** Return the sentence for what getUserMedia or getDisplayMedia threw.
 * @param {unknown} fault
 * @param {string} source
 */
export function faultText(fault, source) {
  const name = fault instanceof Object && "name" in fault ? String(fault.name) : "?";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return text(`denied_${source}`);
    case "NotFoundError":
      return text(`not_found_${source}`);
    case "NotReadableError":
    case "AbortError":
      return text(`taken_${source}`);
    case "OverconstrainedError":
      return text("gone");
    default:
      return text("failed", { name });
  }
}
