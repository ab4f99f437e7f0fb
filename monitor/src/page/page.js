// The page: one chain at a time, redrawn whenever the monitor sends news. Names come from strangers: they are only ever
// set as text.

import { STATES, draw, explain, readPalette } from "./grid.js";

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const count = (n) => (n === null || n === undefined ? "–" : number.format(n));
const percent = (ratio, digits) => (ratio === null ? "–" : (100 * ratio).toFixed(digits) + " %");

let chains = [];
let chosen = decodeURIComponent(location.hash.slice(1));
let arrived = 0; // when the last message came, by this browser's clock
let lost = 0; // since when the monitor does not answer

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.round(seconds % 3600 / 60)} min`;
  return `${Math.round(seconds / 86400)} days`;
}

// The same in a few letters, for a column.
function short(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const [unit, size] = seconds < 120 ? ["s", 1] : seconds < 7200 ? ["min", 60] : seconds < 172800 ? ["h", 3600] : ["d", 86400];
  return `${Math.round(seconds / size)} ${unit}`;
}

const name = (v) => v.moniker || v.valoper.slice(0, 14);
const misses = (v) => (v.flags.match(/m/gi) || []).length;

function state(v) {
  if (v.tombstoned) return ["TOMBSTONED", "bad"];
  if (v.jailed) return ["JAILED", "bad"];
  if (!v.in_set) return ["NOT IN SET", "warn"];
  if (v.consecutive_missed > 0) return [`DOWN ${count(v.consecutive_missed)}`, v.consecutive_missed >= 3 ? "bad" : "warn"];
  return ["SIGNING", ""];
}

// How much of the window's allowance is used: 0 to 1, null where there is no window.
function used(v) {
  if (v.window_missed === null || v.window_limit === null) return null;
  return v.window_limit > 0 ? Math.min(1, v.window_missed / v.window_limit) : Number(v.window_missed > 0);
}
const level = (share) => (share === null || share < 0.5 ? "" : share < 0.9 ? "warn" : "bad");

function facts(chain) {
  const time = chain.block_time ? new Date(chain.block_time) : null;
  const list = [
    ["Height", count(chain.height), "large"],
    ["Block time", time ? time.toISOString().slice(11, 19) + " UTC" : "–"],
    ["Interval", chain.block_seconds === null ? "–" : chain.block_seconds.toFixed(1) + " s"],
    ["Round", count(chain.round)],
    ["Signed power", percent(chain.signed_power_ratio, 1)],
    ["May miss", chain.window ? `${count(chain.window.limit)} of ${count(chain.window.blocks)}` : "any"],
  ];
  $("facts").replaceChildren(...list.map(([term, value, size]) => {
    const pair = el("div");
    pair.append(el("dt", "", term), el("dd", size, value));
    return pair;
  }));
}

function alarm(severity, title, means, left, advice) {
  const box = el("div", "alarm " + severity);
  box.append(el("strong", "", severity === "critical" ? "ACT NOW" : "LOOK"), el("h3", "", title));
  const line = el("p", "", means + " ");
  if (left) line.append(el("span", "left", left + ". "));
  line.append("Type: ", el("code", "", advice));
  box.append(line);
  return box;
}

function alarms(chain) {
  const boxes = [];
  if (lost) {
    boxes.push(alarm("critical", "This page has lost the monitor",
      `Nothing here is current since ${new Date(lost).toLocaleTimeString()}; it tries again by itself.`, null,
      "systemctl status palisade-monitor"));
  } else if (chain.blind) {
    const broken = chain.sources.filter((s) => !s.up);
    const halted = broken.length < chain.sources.length;
    const age = chain.data_age_seconds === null ? "yet" : `for ${duration(chain.data_age_seconds)}`;
    boxes.push(alarm("critical", halted ? `No new block ${age}: the chain has halted` : `Blind: no endpoint answers, no block ${age}`,
      halted ? "Nobody can be jailed while no blocks are made; be there when it goes on."
        : "Misses are not seen, and a jailing would come without a warning.",
      null, `curl -s http://${chain.sources[0].endpoint}/status`));
  }
  for (const t of chain.troubles) {
    boxes.push(alarm(t.severity, `${t.moniker || t.valoper} ${t.what}`, t.means, t.left, t.advice));
  }
  const key = boxes.map((b) => b.textContent).join();
  if ($("alarms").key !== key) {
    $("alarms").key = key;
    $("alarms").replaceChildren(...boxes);
  }
}

function card(v, chain) {
  const [text, kind] = state(v);
  const trouble = chain.troubles.find((t) => t.valoper === v.valoper);
  const box = el("article", "card " + (trouble ? trouble.severity : ""));
  const head = el("header");
  const title = el("h3", "", name(v));
  title.title = v.moniker;
  head.append(title, el("span", "id", v.valoper.slice(0, 16) + "…" + v.valoper.slice(-4)), el("span", "badge " + kind, text));
  const body = el("div", "body");
  const lead = el("div");
  if (v.jailed) {
    lead.append(el("div", "big", "in jail"), el("div", "small", v.may_unjail ? "may leave it now"
      : v.jailed_until ? "until " + v.jailed_until.slice(0, 16).replace("T", " ") + " UTC" : ""));
  } else if (v.blocks_to_jail !== null) {
    lead.append(el("div", "big", (v.exact ? "" : "≥ ") + count(v.blocks_to_jail)),
      el("div", "small", `blocks to jail · ${duration(v.seconds_to_jail)}`));
  } else {
    const none = chain.window_source === "none" ? "this chain jails nobody" : v.in_set ? "window not read yet" : "not in the set";
    lead.append(el("div", "big", "–"), el("div", "small", none));
  }
  const stats = el("div", "stats");
  const window = v.window_missed === null ? "–" : `${count(v.window_missed)}/${count(v.window_limit)}`;
  for (const line of [
    [["window", window], ["uptime", percent(v.uptime_ratio, 2)]],
    [["missed", count(v.missed)], ["nil", count(v.nil)], ["proposed", count(v.proposed)]],
  ]) {
    const items = line.map(([label, value]) => {
      const item = el("span", "", label + " ");
      item.append(el("b", "", value));
      return item;
    });
    stats.append(el("div"));
    stats.lastChild.append(...items);
  }
  body.append(lead, stats);
  const share = used(v);
  const meter = el("div", "meter " + level(share));
  meter.setAttribute("role", "img");
  meter.setAttribute("aria-label", share === null ? "no window" : `${Math.round(100 * share)} % of the allowed misses used`);
  const fill = el("i");
  fill.style.width = `${100 * (share || 0)}%`;
  meter.append(fill);
  const canvas = el("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${misses(v)} missed of the last ${v.flags.length} heights`);
  canvas.addEventListener("mousemove", (event) => explain(canvas, event, v.flags, chain.grid_to));
  box.append(head, body, meter, canvas);
  return [box, () => draw(canvas, v.flags)];
}

const ORDER = {
  rank: (v) => [v.rank === null, v.rank],
  jail: (v) => [v.jailed ? 0 : v.blocks_to_jail === null ? 2 : 1, v.blocks_to_jail ?? 0],
  missed: (v) => [-misses(v), -v.missed],
};

function sorted(validators) {
  const key = ORDER[document.querySelector("#sort input:checked").value];
  return validators.map((v) => [key(v), v])
    .sort(([a], [b]) => Number(a[0]) - Number(b[0]) || a[1] - b[1]).map(([, v]) => v);
}

function row(v, chain) {
  const tr = el("tr", (v.own ? "own " : "") + (v.in_set ? "" : "out"));
  const cell = (className, text) => tr.appendChild(el("td", className, text));
  cell("rank n", v.rank ?? "–");
  cell("name", (v.own ? "● " : "") + name(v)).title = v.moniker + "\n" + v.valoper;
  const canvas = el("canvas");
  canvas.addEventListener("mousemove", (event) => explain(canvas, event, v.flags, chain.grid_to));
  cell("").append(canvas);
  const missed = misses(v);
  cell("n missed " + (missed ? "" : "zero"), missed);
  const share = used(v);
  cell("n " + (level(share) || (v.window_missed ? "" : "zero")),
    v.window_missed === null ? "" : count(v.window_missed));
  const jail = cell("n " + (v.consecutive_missed >= 3 && v.in_set ? "bad" : ""));
  if (v.jailed || v.tombstoned || !v.in_set) jail.append(el("span", "badge " + state(v)[1], state(v)[0]));
  else if (v.blocks_to_jail !== null) jail.textContent = `${v.exact ? "" : "≥"}${count(v.blocks_to_jail)} · ${short(v.seconds_to_jail)}`;
  else jail.textContent = chain.window ? "never" : "";
  return [tr, () => draw(canvas, v.flags)];
}

function table(rows, chain) {
  const node = el("table");
  const group = el("colgroup");
  const columns = [["rank", "#"], ["name", "Validator"], ["grid", "Last 100 heights"], ["missed", "missed"],
    ["window", chain.window ? "window" : ""], ["jail", chain.window ? "to jail if down" : ""]];
  const head = el("tr");
  for (const [kind, title] of columns) {
    group.append(el("col", kind));
    const right = kind !== "name" && kind !== "grid" ? " n" : "";
    head.append(el("th", kind + right, title));
  }
  const body = el("tbody");
  body.append(...rows);
  const top = el("thead");
  top.append(head);
  node.append(group, top, body);
  return node;
}

function sources(chain) {
  $("sources").replaceChildren(...chain.sources.map((s) => {
    const item = el("li", s.up ? "" : "down");
    const status = s.quarantined ? "OTHER CHAIN" : s.up ? "up" : "DOWN";
    item.append(el("span", "mark", status + " "), document.createTextNode(
      `${s.endpoint}, height ${count(s.height)}${s.lag ? `, ${count(s.lag)} behind` : ""}${s.errors ? `, ${count(s.errors)} errors` : ""}`));
    if (s.last_error) item.title = s.last_error;
    return item;
  }));
  const window = {
    store: "windows exact, from the chain's store", counter: "windows from counters only, forecasts are lower bounds",
    none: "no slashing module", unknown: "windows not read yet",
  }[chain.window_source];
  const check = chain.disagreements ? `${count(chain.disagreements)} disagreements with the chain` : "agrees with the chain";
  const unknown = chain.unknown_heights ? `, ${count(chain.unknown_heights)} heights unknown` : "";
  $("check").textContent = `${chain.feed || "no feed yet"} · ${window} · ${check}${unknown}`;
  $("check").className = chain.disagreements || chain.unknown_heights ? "bad" : "";
}

function age(chain) {
  const seconds = chain.data_age_seconds === null ? null : chain.data_age_seconds + (Date.now() - arrived) / 1000;
  const slow = Math.max(10, 4 * (chain.block_seconds || 0));
  const kind = lost || chain.blind ? "blind" : seconds === null || seconds > slow ? "stale" : "";
  const word = { "": "live", stale: seconds === null ? "waiting" : "stale", blind: "blind" }[kind];
  $("age").className = kind;
  $("age").textContent = seconds === null ? word : `${word} · ${seconds < 10 ? seconds.toFixed(1) + " s" : duration(seconds)}`;
  document.body.className = kind;
}

function render() {
  const chain = chains.find((c) => c.chain_id === chosen) || chains[0];
  if (!chain) return;
  const worst = chain.blind || lost ? "blind" : chain.troubles[0] ? chain.troubles[0].severity : "";
  document.title = `${worst ? "! " : ""}${chain.chain_id} ${count(chain.height)} – Palisade`;
  $("chains").replaceChildren(...chains.map((c) => {
    const button = el("button", "", (c.troubles.length || c.blind ? "! " : "") + c.chain_id);
    button.setAttribute("aria-pressed", String(c === chain));
    button.addEventListener("click", () => { chosen = c.chain_id; location.hash = encodeURIComponent(chosen); render(); });
    return button;
  }));
  facts(chain);
  alarms(chain);
  const own = chain.validators.filter((v) => v.own).map((v) => card(v, chain));
  $("own").replaceChildren(...own.map(([node]) => node));
  const rows = sorted(chain.validators).map((v) => row(v, chain));
  const half = Math.ceil(rows.length / 2);
  const nodes = rows.map(([node]) => node);
  $("tables").replaceChildren(...(rows.length === 0 ? [el("p", "empty", "Waiting for the first block…")]
    : rows.length < 12 ? [table(nodes, chain)]
      : [table(nodes.slice(0, half), chain), table(nodes.slice(half), chain)]));
  for (const [, paint] of [...own, ...rows]) paint();
  sources(chain);
  age(chain);
}

function legend() {
  $("legend").replaceChildren(...STATES.map(([flag, text]) => {
    const item = el("li");
    const canvas = el("canvas");
    canvas.setAttribute("aria-hidden", "true");
    item.append(canvas, document.createTextNode(text));
    queueMicrotask(() => draw(canvas, flag));
    return item;
  }));
}

function take(text) {
  chains = JSON.parse(text);
  arrived = Date.now();
  lost = 0;
  render();
}

readPalette();
legend();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readPalette(); legend(); render(); });
addEventListener("resize", render);
addEventListener("hashchange", () => { chosen = decodeURIComponent(location.hash.slice(1)); render(); });
$("sort").addEventListener("change", render);
setInterval(() => { const chain = chains.find((c) => c.chain_id === chosen) || chains[0]; if (chain) age(chain); }, 500);

if (new URLSearchParams(location.search).has("once")) {
  // One drawing and no open connection: for screenshots.
  fetch("api/chains").then((answer) => answer.text()).then(take);
} else {
  const events = new EventSource("api/events");
  events.addEventListener("chains", (event) => take(event.data));
  events.addEventListener("error", () => { if (!lost) { lost = Date.now(); render(); } });
}
