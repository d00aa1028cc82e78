import assert from "node:assert/strict";
import { test } from "node:test";
import { labelsOf, marksOf, sharedArea } from "../../fer/ui/browser/live/layout.js";

const STYLE = { emotions: [["angry", "#D55E00", "#000"], ["sad", "#0072B2", "#fff"]], sure: 0.5 };
const measure = (text, size) => 0.5 * size * text.length;

test("a box is scaled from the frame to the canvas", () => {
  const [mark] = marksOf([[1, 10, 20, 40, 60, 0, 80]], [200, 100], [400, 300], STYLE);
  assert.deepEqual(mark.box, [20, 60, 80, 180]);
});

test("a guess has a question mark and a thinner line", () => {
  const rows = [[1, 0, 0, 80, 80, 0, 50], [2, 0, 0, 80, 80, 0, 49]];
  const [sure, guess] = marksOf(rows, [100, 100], [100, 100], STYLE);
  assert.deepEqual(sure.pieces.map((piece) => piece.text), ["angry", "50%"]);
  assert.deepEqual(guess.pieces.map((piece) => piece.text), ["angry?", "49%"]);
  assert.ok(guess.line < sure.line);
});

test("a face without an emotion has no label", () => {
  const marks = marksOf([[1, 0, 0, 80, 80, -1, 0]], [100, 100], [100, 100], STYLE);
  assert.equal(marks[0].colour, null);
  assert.deepEqual(labelsOf(marks, [100, 100], measure), []);
});

test("labels stay inside the canvas", () => {
  const rows = [[1, 0, 0, 90, 90, 0, 80], [2, 310, 210, 90, 90, 1, 80]];
  const marks = marksOf(rows, [400, 300], [400, 300], STYLE);
  for (const { place: [x, y, w, h] } of labelsOf(marks, [400, 300], measure)) {
    assert.ok(x >= 0 && y >= 0 && x + w <= 400 && y + h <= 300);
  }
});

test("a label avoids other faces and labels", () => {
  const rows = [[1, 100, 100, 80, 80, 0, 80], [2, 100, 10, 80, 84, 1, 80]];
  const marks = marksOf(rows, [400, 300], [400, 300], STYLE);
  const [first] = labelsOf(marks, [400, 300], measure);
  assert.ok(first.place[1] > 180); // below its face, since another one is above
  assert.equal(sharedArea(first.place, marks[1].box), 0);
});
