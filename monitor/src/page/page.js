// The page: which view is shown, what all views share, and when to draw. Everything is drawn at most once a frame.

import * as overview from "./overview.js";
import * as chainView from "./chain.js";
import * as validator from "./validator.js";
import * as alerts from "./alerts.js";
import { access, learn, leave, may, onAccess } from "./access.js";
import { ageOf, connect, model, onChange, reconnect } from "./model.js";
import { readPalette } from "./grid.js";
import { chainPath, count, duration, el, set } from "./text.js";

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const wall = query.has("wall");
document.body.classList.toggle("wall", wall);

// ---------------------------------------------------------------- light and dark

const THEMES = ["auto", "light", "dark"];
function theme(choice) {
  document.documentElement.dataset.theme = choice;
  $("theme").textContent = `Theme: ${choice}`;
  readPalette();
  schedule();
}
$("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  localStorage.setItem("theme", next);
  theme(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme(document.documentElement.dataset.theme));

// ---------------------------------------------------------------- where we are

let here = null;   // the mounted view
let place = {};

function read() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  if (parts[0] === "alerts") return { kind: "alerts" };
  if (parts[0] === "c" && parts[2] === "v" && parts[3]) return { kind: "validator", chain: parts[1], validator: parts[3] };
  if (parts[0] === "c" && parts[1]) return { kind: "chain", chain: parts[1] };
  return { kind: "overview" };
}

function go() {
  if (location.hash === "#view") { history.replaceState(null, "", place.hash || "#/"); $("view").focus(); return; }
  const next = { ...read(), hash: location.hash };
  // One chain needs no overview.
  if (next.kind === "overview" && model.chains.length === 1 && !location.hash) Object.assign(next, { kind: "chain", chain: model.chains[0].chain_id });
  const moved = place.kind !== undefined;
  if (here) here.close();
  place = next;
  const root = $("view");
  root.replaceChildren();
  root.className = place.kind;
  connect(place.chain || "");
  here = { overview, chain: chainView, validator, alerts }[place.kind].mount(root, model, place);
  if (moved && !wall) { root.focus({ preventScroll: true }); scrollTo(0, 0); }
  schedule();
}
addEventListener("hashchange", go);

function trail() {
  const steps = [];
  if (model.chains.length > 1 || place.kind === "overview") steps.push(["All chains", "#/"]);
  if (place.chain) steps.push([place.chain, chainPath(place.chain)]);
  const key = JSON.stringify([steps, place.kind]);
  const nav = $("trail");
  if (nav.key === key) return;
  nav.key = key;
  nav.replaceChildren(...steps.map(([text, href], i) => {
    const last = i === steps.length - 1 && place.kind !== "validator" && place.kind !== "alerts";
    return el("a", "", text, last ? { href, "aria-current": "page" } : { href });
  }));
}

// ---------------------------------------------------------------- what all views share

function facts() {
  const rows = place.chain && model.chain ? chainView.facts(model.chain) : [];
  const root = $("facts");
  const key = rows.map((r) => r[0]).join();
  if (root.rows !== key) {
    root.rows = key;
    root.replaceChildren(...rows.map(([label, , , hint]) => {
      const box = el("div", "", null, hint ? { title: hint } : {});
      box.append(el("dt", "", label), el("dd"));
      return box;
    }));
  }
  rows.forEach(([, value, kind], i) => set(root.children[i].lastChild, value, kind || ""));
}

function age() {
  const subject = place.chain ? model.chain : null;
  const seconds = ageOf(subject);
  const silent = model.heard && Date.now() - model.heard > 15000;
  let kind = "";
  let text = "";
  if (model.refused) [kind, text] = ["blind", "sign in to look"];
  else if (model.lost || silent) [kind, text] = ["blind", model.heard ? `monitor lost · ${duration((Date.now() - model.heard) / 1000)}` : "connecting"];
  else if (subject) {
    const slow = Math.max(10, 4 * (subject.block_seconds || 0));
    kind = subject.blind ? "blind" : seconds === null || seconds > slow ? "stale" : "";
    const word = { "": "live", stale: seconds === null ? "waiting" : "stale", blind: "blind" }[kind];
    text = seconds === null ? word : `${word} · ${seconds < 10 ? seconds.toFixed(1) + " s" : duration(seconds)}`;
  } else {
    const blind = model.chains.filter((c) => c.blind).length;
    kind = blind ? "blind" : "";
    text = blind ? `${blind} blind` : "live";
  }
  set($("age"), text, kind);
  document.body.classList.toggle("blind", kind === "blind");
}

// Said aloud only when something begins or ends, never for a block.
let before = null;
function say() {
  const now = new Map();
  for (const chain of model.chains) {
    const what = chain.blind ? "blind, no fresh blocks" : chain.critical ? `${chain.critical} critical` : chain.warnings ? `${chain.warnings} warnings` : "";
    now.set(chain.chain_id, what);
  }
  if (before) {
    const said = [];
    for (const [id, what] of now) if ((before.get(id) || "") !== what) said.push(`${id}: ${what || "good again"}`);
    if (said.length) $("say").textContent = said.join(". ");
  }
  before = now;
  const bad = model.chains.filter((c) => c.blind || c.critical).length;
  const warn = model.chains.filter((c) => c.warnings).length;
  const link = $("alerts-link");
  set(link, bad ? `Alerts ${bad}` : "Alerts", bad ? "bad" : warn ? "warn" : "");
  const mark = bad || model.lost ? "! " : "";
  const chain = place.chain && model.chain;
  const title = `${mark}${chain ? `${chain.chain_id} ${count(chain.height)}` : "Palisade monitor"}`;
  if (document.title !== title) document.title = title;
}

// ---------------------------------------------------------------- drawing

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    trail();
    facts();
    age();
    say();
    if (here) here.update();
    if (place.chain && model.chain) chainView.footer($("foot"), model.chain);
    else if ($("foot").key) { $("foot").key = ""; $("foot").replaceChildren(); }
    document.body.dataset.updates = model.updates;
  });
}

onChange((kind) => {
  if (kind === "overview" && place.kind === "overview" && model.chains.length === 1 && !location.hash) go();
  schedule();
});
setInterval(() => { age(); if (document.hidden) say(); if (place.kind === "overview") schedule(); }, 1000);

// ---------------------------------------------------------------- signing in, keys

onAccess(() => {
  const button = $("access");
  button.hidden = !may.token;
  button.textContent = may.session ? "Sign out" : may.change ? "Signed in" : "Sign in";
  if (place.kind === "alerts" && here.again) here.again();
  if (may.look && model.refused) reconnect();
});
$("access").addEventListener("click", () => (may.session ? leave() : access()));

const KEYS = [["o", "overview of all chains"], ["a", "alerts"], ["/", "filter validators"], ["↑ ↓", "next validator in the table, Enter opens it"],
  ["t", "light, dark, or as the system"], ["Esc", "back to the chain"], ["?", "this list"]];

function help() {
  const dialog = $("dialog");
  const dl = el("dl", "keys");
  for (const [key, text] of KEYS) dl.append(el("dt", "", key), el("dd", "", text));
  const close = el("button", "", "Close", { type: "button" });
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(el("h2", "", "Keys", { id: "dialog-title" }), dl, close);
  dialog.showModal();
}
$("keys").addEventListener("click", help);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog").open) return;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "Escape") {
    if (typing) event.target.blur();
    else if (place.kind === "validator") location.hash = chainPath(place.chain);
    return;
  }
  if (typing) return;
  const act = { o: () => { location.hash = "#/"; }, a: () => { location.hash = "#/alerts"; }, t: () => $("theme").click(), "?": help,
    "/": () => { if (here.focusFilter) { event.preventDefault(); here.focusFilter(); } } }[event.key];
  if (act) act();
});

theme(THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto");
learn();
go();
