// The glance window: a small one that stays above the call. How the class looks in one calm shape,
// and a button that marks the moment. It shows what the page or the live socket last told.

const SIZE = { width: 240, height: 250 };
const BLUE = [0, 114, 178];
const GREY = [138, 138, 138];
const ORANGE = [230, 159, 0];
const LINE = { width: 200, height: 36 };
const GRACE = 3000; // ms: Streamlit may take it off the page and put it back while it draws
const STALE = 5000; // ms after which news say nothing about the class; they come every second

class Glance {
  constructor() {
    this.heard = ({ detail }) => this.hear(detail);
    window.addEventListener("fer-news", this.heard);
  }

  // Takes a place on the page, the first one or another.
  settle(root) {
    clearTimeout(this.leaving);
    this.root = root;
    this.button = root.querySelector(".open");
    this.button.onclick = () => (this.floating ? this.floating.close() : this.open());
  }

  // Its place has gone: another one may come at once, or the page was left.
  leave() {
    homeless = this;
    this.leaving = setTimeout(() => this.close(), GRACE);
  }

  // Runs at every rerun of the page.
  update({ data: [data], setTriggerValue }) {
    Object.assign(this, { words: data.words, amount: data.amount, looks: data.looks });
    this.mark = () => setTriggerValue("mark", Date.now());
    this.can = "documentPictureInPicture" in window;
    this.button.disabled = !this.can;
    this.button.title = this.can ? this.words.what : this.words.cannot;
    this.label();
    // A page that is drawn again, as without its server, may bring what it brought before.
    const told = JSON.stringify(data.news);
    if (told === this.told) this.show();
    else this.hear(data.news);
    this.told = told;
  }

  label() {
    this.button.textContent = this.floating ? this.words.close : this.words.open;
    this.root.querySelector(".why").textContent = this.can ? "" : this.words.cannot;
  }

  async open() {
    let floating;
    try {
      floating = await window.documentPictureInPicture.requestWindow(SIZE);
    } catch {
      this.root.querySelector(".why").textContent = this.words.refused;
      return;
    }
    this.floating = floating;
    const { document } = floating;
    document.title = this.words.title;
    const style = document.createElement("style");
    style.textContent = STYLE;
    document.head.append(style);
    document.body.innerHTML = BODY;
    const theme = getComputedStyle(this.button);
    for (const [name, from] of [["--paper", "--st-background-color"], ["--ink", "--st-text-color"]]) {
      document.body.style.setProperty(name, theme.getPropertyValue(from));
    }
    const mark = document.querySelector(".mark");
    mark.textContent = this.words.mark;
    mark.onclick = () => {
      this.mark();
      mark.textContent = this.words.marked;
      floating.setTimeout(() => (mark.textContent = this.words.mark), 1500);
    };
    floating.addEventListener("pagehide", () => {
      this.floating = null;
      this.label();
    });
    this.label();
    this.show();
  }

  // Where no others follow, they are forgotten: an old mood must not pass for the present one.
  hear(news) {
    clearTimeout(this.ageing);
    if (news) this.ageing = setTimeout(() => this.hear(null), STALE);
    this.news = news;
    this.show();
  }

  show() {
    const document = this.floating?.document;
    if (!document) return;
    const part = (name) => document.querySelector(`.${name}`);
    const put = (name, text) => {
      const { textContent } = part(name);
      if (textContent !== text) part(name).textContent = text; // or it would be read out again
    };
    const { words, amount, news } = this;
    document.body.dataset.amount = amount;
    const seen = Boolean(news && news.faces && !news.paused);
    const faces = seen
      ? words[news.faces === 1 ? "faces_one" : "faces_many"].replace("{n}", news.faces)
      : words.nothing;
    put("faces", news?.paused ? words.paused : faces);
    const balance = seen ? (news.balance ?? 0) : 0;
    const blob = part("blob");
    blob.style.fill = shade(balance);
    blob.style.transform = `scale(${seen ? 0.55 + 0.45 * (news.liveliness ?? 0) : 0.35})`;
    put("mood", seen ? words[moodOf(balance)] : "");
    part("line").setAttribute("d", seen ? path(news.line) : "");
    put("alert", seen ? news.alerts.map((name) => words[`alert_${name}`]).join(" · ") : "");
    part("bars").replaceChildren(
      ...(seen && amount === "full" ? this.looks : []).map(([name, colour], at) => {
        const row = document.createElement("div");
        const [label, bar] = [document.createElement("span"), document.createElement("i")];
        label.textContent = name;
        bar.style.cssText = `width:${100 * (news.shares[at] ?? 0)}%;background:${colour}`;
        row.append(label, bar);
        return row;
      }),
    );
  }

  close() {
    if (homeless === this) homeless = null;
    window.removeEventListener("fer-news", this.heard);
    clearTimeout(this.ageing);
    this.floating?.close();
  }
}

// Blue where the class looks negative, grey in between, orange where it looks happy.
function shade(balance) {
  const end = balance < 0 ? BLUE : ORANGE;
  const share = Math.min(1, Math.abs(balance) * 1.5);
  return `rgb(${GREY.map((grey, at) => Math.round(grey + share * (end[at] - grey)))})`;
}

function moodOf(balance) {
  if (balance > 0.25) return "bright";
  return balance < -0.25 ? "heavy" : "even";
}

function path(line) {
  let pen = "M";
  return line
    .map((balance, at) => {
      if (balance === null) {
        pen = "M";
        return "";
      }
      const x = (LINE.width * at) / Math.max(1, line.length - 1);
      const point = `${pen}${x.toFixed(1)} ${((LINE.height * (1 - balance)) / 2).toFixed(1)}`;
      pen = "L";
      return point;
    })
    .join("");
}

const BODY = `
<p class="faces"></p>
<svg class="shape" viewBox="-60 -60 120 120" role="img" aria-hidden="true">
  <circle class="blob" r="50"></circle>
</svg>
<p class="mood" role="status"></p>
<svg class="minute" viewBox="0 -2 200 40" aria-hidden="true">
  <path class="zero" d="M0 18H200"></path><path class="line" d=""></path>
</svg>
<p class="alert" role="status" aria-live="polite"></p>
<div class="bars"></div>
<button class="mark" type="button"></button>`;

const STYLE = `
body { margin: 0; padding: .6rem; box-sizing: border-box; min-height: 100vh; display: flex;
  flex-direction: column; align-items: center; gap: .35rem; background: var(--paper);
  color: var(--ink); font: 14px/1.35 system-ui, sans-serif; }
p { margin: 0; text-align: center; }
.faces { font-weight: 600; }
.shape { flex: 1 1 4rem; min-height: 3rem; max-height: 7rem; }
.blob { transition: transform 2s ease, fill 2s ease; }
.minute { width: 100%; max-width: 220px; height: 40px; }
.minute path { fill: none; stroke: currentColor; stroke-width: 1.5; }
.minute .zero { opacity: .25; stroke-dasharray: 3 3; }
.alert:empty, .mood:empty { display: none; }
.alert { font-weight: 600; }
.bars { width: 100%; display: grid; gap: 2px; font-size: 11px; }
.bars div { display: grid; grid-template-columns: 5rem 1fr; align-items: center; }
.bars i { height: 6px; border-radius: 3px; }
[data-amount=quiet] :is(.minute, .alert, .bars), [data-amount=normal] .bars { display: none; }
.mark { width: 100%; padding: .45rem; border: 1px solid color-mix(in srgb, var(--ink) 35%, transparent);
  border-radius: .5rem; background: none; color: inherit; font: inherit; cursor: pointer; }
.mark:focus-visible { outline: 3px solid #0072B2; }
@media (prefers-reduced-motion: reduce) { .blob { transition: none; } }`;

const mounted = new WeakMap();
let homeless = null; // whose place has just gone

export default function glance(component) {
  const root = component.parentElement;
  let one = mounted.get(root);
  if (!one) {
    one = homeless ?? new Glance();
    homeless = null;
    one.settle(root);
    mounted.set(root, one);
  }
  one.update(component);
  return () => {
    mounted.delete(root);
    one.leave();
  };
}
