import assert from "node:assert/strict";
import { test } from "node:test";
import { faultText, setTexts, text } from "../../fer/ui/browser/text.js";

test("values are put into a sentence", () => {
  setTexts({ rate: "{rate} of {rate} a second, {n} faces" });
  assert.equal(text("rate", { rate: 3, n: 2 }), "3 of 3 a second, 2 faces");
  assert.equal(text("unknown"), "unknown");
});

test("what the browser throws has a sentence", () => {
  setTexts({ failed: "failed: {name}" });
  assert.equal(faultText({ name: "NotAllowedError" }, "camera"), "denied_camera");
  assert.equal(faultText({ name: "NotFoundError" }, "screen"), "not_found_screen");
  assert.equal(faultText({ name: "AbortError" }, "camera"), "taken_camera");
  assert.equal(faultText({ name: "OverconstrainedError" }, "camera"), "gone");
  assert.equal(faultText({ name: "Other" }, "camera"), "failed: Other");
  assert.equal(faultText(undefined, "camera"), "failed: ?");
});
