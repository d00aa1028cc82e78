import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import load from "../../fer/ui/browser/loader.js";
import { settle } from "./world.js";

// A module as an address, which notes its mounts in `globalThis.mounts`.
const moduleOf = (name) =>
  `data:text/javascript,export const mount = (c) => { mounts.push(["${name}", c.at]);
  return () => mounts.push(["${name}", "gone"]); }`;

const component = (module, main, at) => ({ at, data: [{ module, main }] });

beforeEach(() => {
  globalThis.mounts = [];
  globalThis.document = { baseURI: "http://x/" };
});

test("components that share the script get each their own module", async () => {
  load(component("a.js", moduleOf("a"), 1));
  load(component("b.js", moduleOf("b"), 1));
  await settle();
  assert.deepEqual(globalThis.mounts.sort(), [["a", 1], ["b", 1]]);
});

test("a rerun mounts again, by the module that was loaded first", async () => {
  load(component("c.js", moduleOf("c"), 1));
  const leave = load(component("c.js", moduleOf("c of another version"), 2));
  leave(); // before the module is there
  await settle();
  assert.deepEqual(globalThis.mounts, [["c", 1], ["c", 2], ["c", "gone"]]);
});

test("an import that failed is reported, and tried again", async (context) => {
  const error = context.mock.method(console, "error", () => {});
  load(component("d.js", "data:text/javascript,throw 1", 1))();
  await settle();
  assert.equal(error.mock.callCount(), 1);
  load(component("d.js", moduleOf("d"), 2));
  await settle();
  assert.deepEqual(globalThis.mounts, [["d", 2]]);
});
