// @ts-check
// Where boxes and labels go over the picture. Only arithmetic; the server's are in fer/vision/draw.py.

/** @import { FaceRow, Size } from "../messages.js" */
/** @typedef {[x: number, y: number, width: number, height: number]} Box */
/** An emotion's word, its colour, and the colour of letters on it.
 * @typedef {[word: string, colour: string, ink: string]} EmotionStyle
 */
/** @typedef {{emotions: EmotionStyle[], sure: number}} Style */
/** @typedef {{text: string, ground: string, ink: string}} Piece */
/** @typedef {Piece & {width: number, pad: number}} Plate */
/** @typedef {{box: Box, colour: string | null, line: number, sizeOfText: number, pieces: Piece[]}} Mark */
/** @typedef {{place: Box, plates: Plate[], sizeOfText: number}} Label */
/** @typedef {(text: string, size: number) => number} Measure */

const DARK = "#202020";
const WHITE = "#fff";
const TEXT_SIZES = [11, 13, 16, 20, 25]; // few, so that a label doesn't flicker as a face comes nearer
const [SMALLEST, LARGEST] = [11, 25];

/** Return what to draw for each face, in the canvas's pixels.
 * @param {FaceRow[]} faces
 * @param {Size} size of the frame that was read
 * @param {Size} canvas
 * @param {Style} style
 * @returns {Mark[]}
 */
export function marksOf(faces, size, canvas, style) {
  const [across, down] = [canvas[0] / size[0], canvas[1] / size[1]];
  return faces.map(([, x, y, w, h, emotion, percent]) => {
    /** @type {Box} */
    const box = [x * across, y * down, w * across, h * down];
    const named = style.emotions[emotion];
    const sure = percent >= 100 * style.sure;
    const wanted = Math.max(SMALLEST, Math.min(0.2 * box[2], LARGEST));
    return {
      box,
      colour: named ? named[1] : null,
      line: Math.max(1, Math.min(2, box[2] / 12) * (sure && named ? 1 : 0.5)),
      sizeOfText: TEXT_SIZES.findLast((one) => one <= wanted) ?? SMALLEST,
      pieces: named ? piecesOf(named, sure, percent) : [],
    };
  });
}

/**
 * @param {EmotionStyle} emotion
 * @param {boolean} sure
 * @param {number} percent
 * @returns {Piece[]}
 */
function piecesOf([word, colour, ink], sure, percent) {
  const share = { text: `${Math.round(percent)}%`, ground: DARK, ink: WHITE };
  if (!sure) return [{ text: `${word}?`, ground: DARK, ink: WHITE }, share];
  return [{ text: word, ground: colour, ink }, share];
}

/** Return a label for each mark with a word: inside the canvas, over as few others as possible.
 * @param {Mark[]} marks
 * @param {Size} canvas
 * @param {Measure} measure returns a text's width
 * @returns {Label[]}
 */
export function labelsOf(marks, canvas, measure) {
  const taken = marks.map((mark) => mark.box); // and, as they are placed, the labels
  return marks
    .filter((mark) => mark.pieces.length > 0)
    .map((mark) => {
      const pad = Math.round(0.3 * mark.sizeOfText);
      const plates = mark.pieces.map((piece) => {
        const width = Math.ceil(measure(piece.text, mark.sizeOfText)) + 2 * pad;
        return { ...piece, pad, width };
      });
      const others = taken.filter((other) => other !== mark.box);
      const best = bestPlace(mark, plates, others, canvas);
      taken.push(best.place);
      return { ...best, sizeOfText: mark.sizeOfText };
    });
}

/** Return the first place that covers least: the whole label before the word alone, above before
 * below.
 * @param {Mark} mark
 * @param {Plate[]} plates
 * @param {Box[]} others
 * @param {Size} canvas
 */
function bestPlace({ box, line, sizeOfText }, plates, others, [wide, tall]) {
  const by = line + 1;
  const [x, y, w, h] = [box[0] - by, box[1] - by, box[2] + 2 * by, box[3] + 2 * by];
  const high = Math.round(1.4 * sizeOfText);
  const places = [plates, plates.slice(0, 1)].flatMap((shown) => {
    const total = sum(shown.map((plate) => plate.width));
    return [y - high, y + h].flatMap((top) =>
      [x, x + w - total].map((left) => {
        /** @type {Box} */
        const place = [clamp(left, wide - total), clamp(top, tall - high), total, high];
        const covers = sum(others.map((other) => sharedArea(place, other)));
        return { place, plates: shown, covers };
      }),
    );
  });
  return places.reduce((best, one) => (one.covers < best.covers ? one : best));
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);
/** @param {number} value @param {number} most */
const clamp = (value, most) => Math.round(Math.max(0, Math.min(value, most)));

/** Return how many pixels two boxes share.
 * @param {Box} one
 * @param {Box} other
 */
export function sharedArea([x, y, w, h], [left, top, wide, high]) {
  const across = Math.min(x + w, left + wide) - Math.max(x, left);
  const down = Math.min(y + h, top + high) - Math.max(y, top);
  return Math.max(0, across) * Math.max(0, down);
}
