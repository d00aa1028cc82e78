import assert from "node:assert/strict";
import { test } from "node:test";
import { Rate } from "../../fer/ui/browser/live/rate.js";

// A rate after so many answers, each so late; `more` gives it further ones.
function rateOf(source) {
  const rate = new Rate(source);
  let now = 1000;
  const answer = (count, delay, smallest = 80) => {
    for (let at = 0; at < count; at += 1) {
      now += 500;
      rate.answered(delay, rate.width, smallest, now);
    }
  };
  return { rate, answer };
}

test("a slow server gets less and a quick one more", () => {
  const { rate, answer } = rateOf("camera");
  const first = [rate.width, rate.fps];
  answer(100, 2000);
  const slow = [rate.width, rate.fps];
  answer(300, 60);
  assert.ok(slow[0] < first[0] && first[0] < rate.width);
  assert.ok(slow[1] < first[1] && first[1] < rate.fps);
  assert.ok(slow[1] > 1); // at least one reading a second, however slow the server is
});

test("a screen keeps its small faces", () => {
  const { rate, answer } = rateOf("screen");
  answer(100, 2000);
  assert.equal(rate.width, 1280);
  assert.ok(rate.fps > 1 && rate.fps < 5);
});

test("faces that are too small make the frames larger", () => {
  const { rate, answer } = rateOf("screen");
  answer(10, 400, 12);
  assert.equal(rate.width, 2560);
});

test("frames too big for the server shrink, and stay so", () => {
  const { rate, answer } = rateOf("screen");
  rate.tooBig();
  answer(100, 50);
  assert.equal(rate.width, Math.round(0.8 * 1280));
});

for (const size of [[640, 480], [1280, 720], [3840, 2160], [1080, 1920]]) {
  test(`${size} keeps its shape and does not grow`, () => {
    const [width, height] = new Rate("camera").sizeFor(size);
    assert.ok(width <= size[0]);
    assert.ok(Math.abs(width / height / (size[0] / size[1]) - 1) < 0.01);
  });
}
