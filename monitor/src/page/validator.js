// One validator: where its misses lie in the window and when each falls out, what happens if it signs or is down,
// its last thousand heights, and the hours and days that the history keeps. The monitor is asked for this now and then; the rest comes with the stream.

import { chainPath, chance, count, duration, el, name, percent, set, state, toJail, utc } from "./text.js";
import { explain, line, misses, nils, palette, surface } from "./grid.js";
import { trouble } from "./trouble.js";
import { ageOf } from "./model.js";

const EVERY = 5000;
const PAST_EVERY = 60000;
const ROW = 128; // heights in a line of the history

export function mount(root, model, { chain: id, validator: wanted }) {
  const back = el("p", "back");
  back.append(el("a", "", `← ${id}`, { href: chainPath(id) }));
  const head = el("div", "vhead");
  const title = el("h1");
  const badge = el("span", "badge");
  const ids = el("p", "ids");
  head.append(title, badge, ids);
  const alarms = el("section", "alarms", null, { "aria-label": "What is wrong" });
  const numbers = el("dl", "numbers", null, { "aria-label": "Numbers" });
  root.append(back, head, alarms, numbers);

  const part = (heading, ...nodes) => {
    const section = el("section", "part");
    section.append(el("h2", "", heading), ...nodes);
    root.append(section);
    return section;
  };
  const strip = el("canvas", "window", null, { role: "img" });
  const scale = el("p", "scale");
  const runs = el("details", "runs");
  const runsBody = el("tbody");
  const runsTable = el("table", "plain");
  const runsHead = el("tr");
  for (const text of ["falls out in", "at", "misses"]) runsHead.append(el("th", "", text, { scope: "col" }));
  runsTable.append(el("thead"), runsBody);
  runsTable.firstChild.append(runsHead);
  const runsTitle = el("summary");
  runs.append(runsTitle, runsTable);
  const windowPart = part("Slashing window", strip, scale, runs);
  const curve = el("canvas", "curve", null, { role: "img" });
  const curveSays = el("p", "scale");
  const curvePart = part("Misses in the window from now on", curve, curveSays);
  const history = el("canvas", "history", null, { role: "img" });
  const historySays = el("p", "scale");
  part("Last heights", historySays, history);
  const past = el("canvas", "past", null, { role: "img" });
  const pastSays = el("p", "scale");
  const pastDays = el("details", "runs");
  const pastTitle = el("summary");
  const pastTable = el("table", "plain");
  const pastHead = el("tr");
  for (const text of ["day (UTC)", "signed", "missed", "nil", "proposed", "missed in a row"]) pastHead.append(el("th", "", text, { scope: "col" }));
  const pastBody = el("tbody");
  pastTable.append(el("thead"), pastBody);
  pastTable.firstChild.append(pastHead);
  pastDays.append(pastTitle, pastTable);
  part("Hours and days", pastSays, past, pastDays);
  const more = el("div", "more");
  root.append(more);

  let detail = null;
  let whole = null; // with what is too much to be told at every block
  let failure = "";
  let spans = null; // whole hours and days, as far as the history reaches
  let spansAt = -Infinity;
  let timer = 0;
  let closed = false;

  async function ask() {
    try {
      const answer = await fetch(`api/chains/${encodeURIComponent(id)}/validators/${encodeURIComponent(wanted)}`);
      if (closed) return;
      failure = answer.ok ? "" : answer.status === 404 ? "this validator is not known here" : `the monitor answers ${answer.status}`;
      if (answer.ok) ({ detail, validator: whole } = await answer.json());
      if (answer.ok && performance.now() - spansAt > PAST_EVERY) await askPast();
    } catch { failure = "the monitor does not answer"; }
    if (closed) return;
    update();
    timer = setTimeout(ask, EVERY);
  }

  async function askPast() {
    const answer = await fetch(`api/chains/${encodeURIComponent(id)}/validators/${encodeURIComponent(wanted)}/history`);
    if (closed || !answer.ok) return;
    spans = await answer.json();
    spansAt = performance.now();
    pastBody.replaceChildren(...spans.days.slice(-60).reverse().map((day) => {
      const tr = el("tr");
      const share = day.signed / Math.max(1, day.signed + day.missed);
      for (const text of [utc(1000 * day.start).slice(0, 10), percent(share, 3), count(day.missed), count(day.nil), count(day.proposed), count(day.longest_missed)]) tr.append(el("td", "", text));
      return tr;
    }));
    pastDays.hidden = !spans.days.length;
    set(pastTitle, spans.days.length === 1 ? "one day" : `${count(spans.days.length)} days`);
  }

  function update() {
    const chain = model.chain;
    const v = chain && chain.validators.find((o) => o.valoper === wanted || o.address === wanted);
    if (!v) {
      set(title, chain ? "Not known here" : "Waiting for the chain…");
      set(ids, wanted);
      return;
    }
    set(title, name(v));
    const [word, kind] = state(v);
    set(badge, word, "badge " + kind);
    set(ids, `${v.valoper} · ${v.address}`);
    trouble(alarms, chain.troubles.filter((t) => t.valoper === v.valoper));
    const at = v.seconds_to_jail === null || v.seconds_to_jail === undefined ? null : Date.now() + 1000 * v.seconds_to_jail;
    const rows = [
      ["blocks to jail if down", v.blocks_to_jail === null ? "–" : toJail(v), v.consecutive_missed >= 3 ? "bad" : ""],
      ["that is", v.blocks_to_jail === null ? "–" : duration(v.seconds_to_jail)],
      ["at about", at === null ? "–" : utc(at)],
      ["misses in the window", v.window_missed === null ? "–" : `${count(v.window_missed)} of ${count(v.window_limit)}`],
      ["clean again after", v.blocks_to_clean === null ? "–" : `${count(v.blocks_to_clean)} blocks`],
      ["uptime", percent(v.uptime_ratio, 3)],
      ["missed in a row", count(v.consecutive_missed), v.consecutive_missed ? "warn" : ""],
      ["rank by power", v.rank === null ? "–" : `${count(v.rank)} of ${count(chain.set_size)}`],
      ["power", count(v.power)],
      ["signed", count(v.signed)], ["missed", count(v.missed)], ["nil votes", count(v.nil)], ["proposed", count(v.proposed)],
    ];
    if (v.jailed) rows.unshift(["in jail until", v.may_unjail ? "it may leave now" : v.jailed_until ? v.jailed_until.slice(0, 16).replace("T", " ") + " UTC" : "–", "bad"]);
    list(numbers, rows);
    const around = { proposals: chain.proposals, upgrade: chain.upgrade, network: chain.health, seats: chain.seats };
    others(more, { ...v, ...around, ...Object.fromEntries(Object.entries(whole || {}).filter(([, value]) => value && typeof value === "object")) }, chain);
    if (failure) set(historySays, failure);
    if (detail) paint(v, chain);
    if (spans) paintPast();
  }

  // Days where there is more than a week of them, hours before that.
  function paintPast() {
    const [all, length, unit] = spans.days.length > 7 ? [spans.days, 86400, "day"] : [spans.hours, 3600, "hour"];
    past.hidden = !all.length;
    if (!all.length) {
      set(pastSays, "The first whole hour is not over yet.");
      return;
    }
    const sum = (key) => all.reduce((total, span) => total + span[key], 0);
    const [signed, missed] = [sum("signed"), sum("missed")];
    const worst = all.reduce((a, b) => (b.missed > a.missed ? b : a));
    const most = worst.missed ? ` · most in the ${unit} of ${utc(1000 * worst.start)}: ${count(worst.missed)}` : "";
    const text = `${utc(1000 * all[0].start)} to ${utc(1000 * (all[all.length - 1].start + length))}: ${percent(signed / Math.max(1, signed + missed), 3)} signed, ${count(missed)} missed${most}`;
    set(pastSays, text);
    past.setAttribute("aria-label", text);
    paintSpans(past, all, length, root.clientWidth);
    past.onmousemove = (event) => {
      const at = all[0].start + event.offsetX / past.clientWidth * (all[all.length - 1].start + length - all[0].start);
      const span = all.find((s) => s.start <= at && at < s.start + length);
      past.title = span ? `${utc(1000 * span.start)}: ${count(span.missed)} of ${count(span.signed + span.missed)} missed, ${count(span.longest_missed)} in a row` : "not watched";
    };
  }

  function paint(v, chain) {
    const width = root.clientWidth;
    const w = detail.window;
    windowPart.hidden = curvePart.hidden = !w;
    if (w) {
      if (w.misses) {
        paintStrip(strip, w, width);
        strip.setAttribute("aria-label", `${count(w.missed)} missed slots in a window of ${count(w.blocks)}, the next to fall out at the left`);
        set(scale, `left: falls out with the next block · right: written by the last one · ${count(w.blocks)} slots, about ${duration(w.blocks * (chain.block_seconds || 0))}`);
        const shown = w.misses.slice(0, 20);
        set(runsTitle, w.misses.length ? `${count(w.misses.length)} runs of misses; the next falls out in ${count(w.misses[0][0])} blocks` : "no miss in the window");
        runs.hidden = !w.misses.length;
        runsBody.replaceChildren(...shown.map(([from, length]) => {
          const tr = el("tr");
          const seconds = from * (chain.block_seconds || 0);
          tr.append(el("td", "", `${count(from)} blocks`), el("td", "", chain.block_seconds ? utc(Date.now() + 1000 * seconds) : "–"), el("td", "", count(length)));
          return tr;
        }));
      } else {
        strip.hidden = runs.hidden = true;
        set(scale, "The chain tells the counter only, not which slots are missed.");
      }
      curvePart.hidden = !w.down;
      if (w.down) {
        paintCurve(curve, w, width);
        const down = v.blocks_to_jail === null ? "is never jailed" : `is jailed after ${toJail(v)} blocks (${duration(v.seconds_to_jail)})`;
        const over = w.down.find(([, c]) => c > w.limit);
        const young = over && v.exact && v.blocks_to_jail > over[0] ? ", because nobody is jailed before a whole window after joining" : "";
        const text = `red: down from now on, ${down}${young} · green: signing from now on, clean after ${v.blocks_to_clean === null ? "–" : count(v.blocks_to_clean)} blocks · line: ${count(w.limit)} misses are allowed`;
        set(curveSays, text);
        curve.setAttribute("aria-label", text);
      }
    }
    const flags = detail.flags;
    const [m, n] = [misses(flags), nils(flags)];
    const first = detail.to - flags.length + 1;
    const says = `heights ${count(first)} to ${count(detail.to)}: ${count(m)} missed, ${count(n)} nil`;
    if (!failure) set(historySays, says);
    history.setAttribute("aria-label", says);
    const lines = Math.ceil(flags.length / ROW);
    const on = surface(history, Math.min(width, 1280), Math.max(1, lines) * 16);
    if (!on) return;
    const padded = flags.padStart(lines * ROW, "?");
    const rounds = detail.rounds.padStart(lines * ROW, "?");
    for (let i = 0; i < lines; i++) {
      const top = Math.round(i * 16 * on.scale);
      line(on, 0, top, on.w, Math.round(13 * on.scale), padded.slice(i * ROW, (i + 1) * ROW), rounds.slice(i * ROW, (i + 1) * ROW));
    }
    history.onmousemove = (event) => {
      const i = Math.floor(event.offsetY / 16) * ROW + Math.floor(event.offsetX / history.clientWidth * ROW);
      history.title = explain(padded[i], detail.to - padded.length + 1 + i, rounds[i]);
    };
  }

  ask();
  return { update, close() { closed = true; clearTimeout(timer); } };
}

function list(root, rows) {
  const key = rows.map((r) => r[0]).join();
  if (root.key !== key) {
    root.key = key;
    root.cells = rows.map(([label]) => {
      const box = el("div");
      const dd = el("dd");
      box.append(el("dt", "", label), dd);
      root.append(box);
      return { box, dd };
    });
    root.replaceChildren(...root.cells.map((c) => c.box));
  }
  rows.forEach(([, value, kind], i) => set(root.cells[i].dd, value, kind || ""));
}

function paintStrip(canvas, w, width) {
  const on = surface(canvas, width, 34);
  if (!on) return;
  const { context } = on;
  context.fillStyle = palette.signed;
  context.fillRect(0, Math.round(on.h * 0.25), on.w, Math.round(on.h * 0.5));
  context.fillStyle = palette.missed;
  for (const [from, length] of w.misses) {
    const x = Math.floor((from - 1) / w.blocks * on.w);
    context.fillRect(Math.min(x, on.w - 2 * on.scale), 0, Math.max(2 * on.scale, Math.round(length / w.blocks * on.w)), on.h);
  }
}

// A bar for each: how much of it was missed, in red from the top; a gap where nothing was watched.
function paintSpans(canvas, all, length, width) {
  const on = surface(canvas, Math.min(width, 1280), 60);
  if (!on) return;
  const { context, scale } = on;
  const first = all[0].start;
  const many = (all[all.length - 1].start + length - first) / length;
  for (const span of all) {
    const x = Math.round((span.start - first) / length / many * on.w);
    const right = Math.round(((span.start - first) / length + 1) / many * on.w);
    const wide = Math.max(1, right - x - (on.w / many > 4 * scale ? scale : 0));
    const share = span.missed / Math.max(1, span.signed + span.missed);
    const tall = span.missed ? Math.max(2 * scale, Math.round(Math.sqrt(share) * on.h)) : 0;
    context.fillStyle = palette.signed;
    context.fillRect(x, 0, wide, on.h);
    context.fillStyle = palette.missed;
    context.fillRect(x, 0, wide, tall);
  }
}

function paintCurve(canvas, w, width) {
  const on = surface(canvas, Math.min(width, 1280), 170);
  if (!on) return;
  const { context, scale } = on;
  const [left, bottom, top] = [52 * scale, on.h - 20 * scale, 8 * scale];
  const most = Math.max(w.limit * 1.15, w.missed * 1.1, 4);
  const x = (k) => left + k / w.blocks * (on.w - left - 4 * scale);
  const y = (c) => bottom - c / most * (bottom - top);
  context.font = `${11 * scale}px system-ui, sans-serif`;
  context.fillStyle = palette.dim;
  context.textAlign = "right";
  for (const c of [0, w.limit]) context.fillText(count(c), left - 6 * scale, y(c) + 4 * scale);
  context.textAlign = "center";
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    context.textAlign = part === 1 ? "right" : part === 0 ? "left" : "center";
    context.fillText(part ? `+${count(Math.round(part * w.blocks))} blocks` : "now", x(part * w.blocks), on.h - 5 * scale);
  }
  context.beginPath();
  context.rect(left, 0, on.w - left, bottom + scale);
  context.clip();
  const stroke = (points, color, dash) => {
    context.beginPath();
    context.setLineDash(dash);
    points.forEach(([k, c], i) => (i ? context.lineTo(x(k), y(c)) : context.moveTo(x(k), y(c))));
    context.strokeStyle = color;
    context.lineWidth = 2 * scale;
    context.stroke();
  };
  stroke([[0, w.limit], [w.blocks, w.limit]], palette.dim, [2 * scale, 4 * scale]);
  stroke(w.signing, palette.good, []);
  stroke(w.down, palette.bad, [7 * scale, 3 * scale]);
  context.setLineDash([]);
}

// Everything else the monitor knows of it, whichever rooms are there: shown as it is named.
const SHOWN = new Set(["valoper", "moniker", "address", "own", "rank", "power", "in_set", "bonded", "jailed", "tombstoned", "jailed_until",
  "may_unjail", "signed", "missed", "nil", "consecutive_missed", "proposed", "window_missed", "window_limit", "blocks_to_jail", "exact",
  "seconds_to_jail", "window_source", "blocks_to_clean", "uptime_ratio", "flags"]);

function words(key, value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") {
    if (/probability_\d/.test(key)) return chance(value);
    if (/ratio|share/.test(key)) return percent(value, 2);
    if (/seconds/.test(key)) return duration(value);
    if (/unix/.test(key)) return utc(1000 * value);
    return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
  }
  if (Array.isArray(value)) return value.length ? value.slice(0, 12).map((item) => (item && typeof item === "object" ? Object.entries(item).map(([k, i]) => `${label(k)} ${words(k, i)}`).join(", ") : words(key, item))).join("\n") : "none";
  if (typeof value === "object") return Object.entries(value).map(([k, item]) => `${label(k)}: ${words(k, item)}`).join("\n");
  return String(value);
}
const label = (key) => key.replace(/_/g, " ");

function others(root, v) {
  const groups = [];
  const flat = [];
  for (const [key, value] of Object.entries(v)) {
    if (SHOWN.has(key) || key === "at") continue;
    if (value && typeof value === "object" && !Array.isArray(value)) groups.push([label(key), Object.entries(value).map(([k, item]) => [label(k), words(k, item)])]);
    else flat.push([label(key), words(key, value)]);
  }
  if (flat.length) groups.unshift(["More", flat]);
  const key = groups.map(([title, rows]) => title + rows.map((r) => r[0]).join()).join(";");
  if (root.key !== key) {
    root.key = key;
    root.lists = groups.map(([title]) => {
      const section = el("section", "part");
      const dl = el("dl", "numbers");
      section.append(el("h2", "", title[0].toUpperCase() + title.slice(1)), dl);
      return { section, dl };
    });
    root.replaceChildren(...root.lists.map((g) => g.section));
  }
  groups.forEach(([, rows], i) => list(root.lists[i].dl, rows));
}

export { ageOf };
