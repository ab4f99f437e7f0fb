// One chain: what is wrong, own validators as cards, and everybody as rows with the last heights.
//
// Rows are slots that are filled anew, not made anew: a thousand of them cost a comparison each per block. The heights of
// 25 rows share a canvas, which has pixels only while it is near the screen.

import { chance, chainPath, count, duration, el, level, name, percent, set, short, state, tail, toJail, used, validatorPath } from "./text.js";
import { STATES, draw, explain, line, misses, nils, surface } from "./grid.js";
import { trouble } from "./trouble.js";
import { ageOf } from "./model.js";

const CHUNK = 25;
const wall = new URLSearchParams(location.search).has("wall");

const COLUMNS = [
  ["rank", "#", "power", "by power"],
  ["name", "Validator", "name", "by name"],
  ["grid", "", null, ""],
  ["missed", "missed", "missed", "by misses on screen"],
  ["window", "window", "window", "by misses in the slashing window"],
  ["jail", "to jail if down", "jail", "by blocks to jail"],
];

const ORDER = {
  power: (v) => [v.rank === null ? 1 : 0, v.rank ?? 0],
  name: (v) => [0, name(v).toLowerCase()],
  missed: (v, heights) => [-misses(v.flags.slice(-heights)), -v.missed],
  window: (v) => [-(v.window_missed ?? -1), v.rank ?? 1e9],
  jail: (v) => [v.tombstoned ? 3 : v.jailed ? 0 : v.blocks_to_jail === null ? 2 : 1, v.blocks_to_jail ?? 0],
};

const compare = (a, b) => (a[0] - b[0]) || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0);

export function mount(root, model) {
  const ui = { sort: localStorage.getItem("sort") || "power", down: localStorage.getItem("down") === "1",
    own: localStorage.getItem("own") !== "0", filter: "", tables: [], slots: [] };
  if (!ORDER[ui.sort]) ui.sort = "power";

  const alarms = el("section", "alarms", null, { "aria-label": "What is wrong" });
  const cards = el("section", "cards", null, { "aria-label": "Own validators" });
  const section = el("section", "all", null, { "aria-labelledby": "all" });
  const bar = el("div", "bar");
  const title = el("h1", "", "", { id: "all" });
  const legend = el("ul", "legend", null, { "aria-label": "Legend" });
  const filter = el("input", "", null, { type: "search", id: "filter", placeholder: "Filter by name or address", "aria-label": "Filter validators by name or address", autocomplete: "off", spellcheck: "false" });
  const own = el("label", "check");
  const ownBox = el("input", "", null, { type: "checkbox" });
  ownBox.checked = ui.own;
  own.append(ownBox, " own first");
  bar.append(title, legend, filter, own);
  const tables = el("div", "tables");
  section.append(bar, tables);
  root.append(alarms, cards, section);
  for (const [flag, text] of STATES) {
    const item = el("li");
    const canvas = el("canvas", "", null, { "aria-hidden": "true" });
    item.append(canvas, text);
    item.paint = () => draw(canvas, flag);
    legend.append(item);
  }

  filter.addEventListener("input", () => { ui.filter = filter.value.trim().toLowerCase(); update(); });
  ownBox.addEventListener("change", () => { ui.own = ownBox.checked; localStorage.setItem("own", ui.own ? "1" : "0"); update(); });

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      entry.target.near = entry.isIntersecting;
      if (entry.isIntersecting) paint(entry.target.chunk);
      else { entry.target.width = entry.target.height = 0; entry.target.key = ""; }
    }
  }, { rootMargin: "300px 0px" });

  tables.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20 }[event.key];
    const slot = step && ui.slots.find((s) => s.link === document.activeElement);
    if (!slot) return;
    event.preventDefault();
    const at = Math.max(0, Math.min(ui.slots.length - 1, ui.slots.indexOf(slot) + step));
    ui.slots[at].link.focus();
  });

  function choose(key) {
    ui.down = ui.sort === key && !ui.down;
    ui.sort = key;
    localStorage.setItem("sort", key);
    localStorage.setItem("down", ui.down ? "1" : "0");
    update();
  }

  function listed(chain) {
    const key = ORDER[ui.sort];
    const sign = ui.down ? -1 : 1;
    const keep = (v) => !ui.filter || name(v).toLowerCase().includes(ui.filter) || v.valoper.includes(ui.filter) || v.address.toLowerCase().includes(ui.filter);
    return chain.validators.filter(keep).map((v) => [ui.own && v.own ? 0 : 1, key(v, ui.heights || 100), v])
      .sort((a, b) => (a[0] - b[0]) || sign * compare(a[1], b[1]) || (a[2].rank ?? 1e9) - (b[2].rank ?? 1e9)).map((item) => item[2]);
  }

  // A wall does not scroll: rows grow until they fill it, and of too many only those closest to jail are shown.
  const room = () => Math.max(200, innerHeight - tables.getBoundingClientRect().top - 50);
  function fitting(chain) {
    const rows = listed(chain);
    const most = Math.max(1, Math.min(4, Math.floor(((tables.clientWidth || 1200) + 22) / 600))) * Math.floor(room() / 17);
    if (!wall || rows.length <= most) return rows;
    const key = ORDER.jail;
    return rows.filter((v) => v.in_set).map((v) => [v.own ? 0 : 1, key(v), v]).sort((a, b) => (a[0] - b[0]) || compare(a[1], b[1])).slice(0, most).map((item) => item[2]);
  }

  // As many tables side by side as there is room for.
  function shape(rows) {
    const width = tables.clientWidth || 1200;
    if (rows < 12) return 1;
    const most = Math.max(1, Math.min(4, Math.floor((width + 22) / 600)));
    if (!wall) return Math.min(most, 2);
    let number = 1;
    while (number < most && room() / Math.ceil(rows / number) < 26) number++;
    const row = Math.max(17, Math.min(36, Math.floor(room() / Math.ceil(rows / number))));
    tables.style.setProperty("--row", row + "px");
    tables.style.setProperty("--type", Math.min(19, Math.round(row * 0.62)) + "px");
    return number;
  }

  function build(rows, number) {
    seen.disconnect();
    ui.tables = [];
    ui.slots = [];
    const per = Math.ceil(rows / number);
    for (let t = 0; t < number; t++) {
      const from = t * per;
      const to = Math.min(rows, from + per);
      const node = el("table", "", null, { "aria-label": number > 1 ? `Validators, row ${from + 1} to ${to} of ${rows}` : "Validators" });
      const group = el("colgroup");
      const tr = el("tr");
      for (const [kind, title, key, hint] of COLUMNS) {
        group.append(el("col", kind));
        const th = el("th", kind, null, { scope: "col" });
        if (key) {
          const button = el("button", "", title, { type: "button", title: "Sort " + hint });
          button.addEventListener("click", () => choose(key));
          button.key = key;
          th.append(button);
          th.key = key;
        }
        tr.append(th);
      }
      const head = el("thead");
      head.append(tr);
      const body = el("tbody");
      node.append(group, head, body);
      const table = { node, heads: [...tr.children], chunks: [] };
      const strip = el("canvas", "strip", null, { role: "img", "aria-label": "Misses of each height" });
      table.label = el("span", "");
      table.strip = strip;
      table.heads[2].append(table.label, strip);
      for (let i = from; i < to; i++) {
        const slot = makeSlot();
        body.append(slot.tr);
        if ((i - from) % CHUNK === 0) {
          const canvas = el("canvas", "chunk", null, { "aria-hidden": "true" });
          const chunk = { canvas, slots: [] };
          canvas.chunk = chunk;
          slot.grid.classList.add("first");
          slot.grid.append(canvas);
          table.chunks.push(chunk);
          canvas.addEventListener("mousemove", (event) => point(event, chunk));
          seen.observe(canvas);
        }
        table.chunks.at(-1).slots.push(slot);
        ui.slots.push(slot);
      }
      ui.tables.push(table);
    }
    tables.replaceChildren(...ui.tables.map((t) => t.node));
    tables.style.gridTemplateColumns = `repeat(${number}, minmax(0, 1fr))`;
    tables.rows = rows;
    tables.number = number;
  }

  function makeSlot() {
    const tr = el("tr");
    const cell = (kind, tag) => tr.appendChild(el(tag || "td", kind));
    const rank = cell("rank");
    const th = tr.appendChild(el("th", "name", null, { scope: "row" }));
    const link = th.appendChild(el("a"));
    const grid = cell("grid");
    const text = grid.appendChild(el("span", "unseen"));
    const [missed, window_, jail] = [cell("missed"), cell("window"), cell("jail")];
    return { tr, rank, link, grid, text, missed, window: window_, jail, v: null };
  }

  function fill(slot, v, chain, shownHeights) {
    slot.v = v;
    set(slot.rank, v.rank === null ? "–" : String(v.rank));
    set(slot.link, (v.own ? "● " : "") + name(v));
    const href = validatorPath(chain.chain_id, v);
    if (slot.href !== href) { slot.link.setAttribute("href", slot.href = href); slot.link.title = v.valoper; }
    const shown = v.flags.slice(-shownHeights);
    const [m, n] = [misses(shown), nils(shown)];
    set(slot.text, `${m} missed, ${n} nil of ${shown.length}`);
    set(slot.missed, String(m), "missed" + (m ? "" : " zero"));
    const share = used(v);
    set(slot.window, v.window_missed === null ? "" : count(v.window_missed), "window " + (level(share) || (v.window_missed ? "" : "zero")));
    const [word, kind] = state(v);
    if (!v.in_set || v.jailed) set(slot.jail, word, "jail word " + kind);
    else if (v.blocks_to_jail !== null) set(slot.jail, `${v.exact ? "" : "≥"}${count(v.blocks_to_jail)} · ${short(v.seconds_to_jail)}`, "jail" + (v.consecutive_missed >= 3 ? " bad" : ""));
    else set(slot.jail, chain.window ? "never" : "", "jail zero");
    const row = (v.own ? "own " : "") + (v.in_set ? "" : "out");
    if (slot.row !== row) slot.tr.className = slot.row = row;
  }

  const heights = (width) => (width < 300 ? Math.max(20, Math.floor(width / 3)) : Math.max(100, Math.min(300, Math.floor(width / 5))));

  function paint(chunk) {
    if (!chunk || !chunk.canvas.near || !model.chain) return;
    const first = chunk.slots[0];
    const width = first.grid.clientWidth - 6;
    const row = first.tr.offsetHeight;
    const n = heights(width);
    const rounds = (model.chain.rounds || "").slice(-n).padStart(n, "?");
    const key = chunk.slots.map((s) => s.v && s.v.flags.slice(-n)).join() + rounds + width + "x" + row + window.devicePixelRatio + document.documentElement.dataset.theme;
    if (chunk.canvas.key === key) return;
    const on = surface(chunk.canvas, width, row * chunk.slots.length);
    if (!on) return;
    chunk.canvas.key = key;
    const pad = Math.max(1, Math.round(on.scale * row * 0.1));
    chunk.slots.forEach((slot, i) => {
      if (!slot.v) return;
      const top = Math.round(i * row * on.scale) + pad;
      line(on, 0, top, on.w, Math.round((i + 1) * row * on.scale) - pad - top, slot.v.flags.slice(-n).padStart(n, "?"), rounds);
    });
  }

  function paintStrip(table, chain) {
    const width = table.heads[2].clientWidth - 6;
    const n = heights(width);
    set(table.label, `last ${n} heights`);
    const members = chain.validators.filter((v) => v.in_set || /[smn]/i.test(v.flags));
    const lost = new Array(n).fill(0);
    for (const v of members) {
      const flags = v.flags.slice(-n);
      for (let i = 0; i < flags.length; i++) if (flags[i] === "m" || flags[i] === "M") lost[n - flags.length + i]++;
    }
    const key = lost.join() + width;
    if (table.strip.key === key) return;
    table.strip.key = key;
    const on = surface(table.strip, width, 12);
    if (!on) return;
    const style = getComputedStyle(document.documentElement);
    on.context.fillStyle = style.getPropertyValue("--missed");
    lost.forEach((k, i) => {
      if (!k) return;
      const x = Math.round(i * on.w / n);
      const h = Math.max(on.scale, Math.round(on.h * Math.min(1, Math.sqrt(k / Math.max(1, members.length)))));
      on.context.fillRect(x, on.h - h, Math.max(1, Math.round((i + 1) * on.w / n) - x - 1), h);
    });
    table.strip.setAttribute("aria-label", `Misses of each height; ${lost.at(-1)} at the last one`);
  }

  function point(event, chunk) {
    const box = chunk.canvas.getBoundingClientRect();
    const slot = chunk.slots[Math.floor((event.clientY - box.top) / (box.height / chunk.slots.length))];
    if (!slot || !slot.v) return;
    const n = heights(box.width);
    const back = n - 1 - Math.floor((event.clientX - box.left) / box.width * n);
    const round = (model.chain.rounds || "").at(-1 - back);
    chunk.canvas.title = `${name(slot.v)}, ` + explain(slot.v.flags.at(-1 - back), model.chain.grid_to - back, round);
  }

  function update() {
    const chain = model.chain;
    if (!chain) {
      set(title, model.lost ? "The monitor does not answer" : "Waiting for the chain…");
      return;
    }
    trouble(alarms, chain.troubles.map((t) => ({ ...t, href: validatorPath(chain.chain_id, t) })));
    ownCards(cards, chain);
    // Sorted by what is on the screen.
    if (ui.tables[0]) ui.heights = heights(ui.tables[0].heads[2].clientWidth - 6);
    const rows = fitting(chain);
    set(title, wall && rows.length < chain.validators.length ? `${count(rows.length)} of ${count(chain.validators.length)} validators, closest to jail first` : ui.filter ? `${rows.length} of ${count(chain.validators.length)} validators` : `${count(chain.validators.length)} validators`);
    const number = shape(rows.length);
    if (tables.rows !== rows.length || tables.number !== number) build(rows.length, number);
    const focused = ui.slots.find((s) => s.link === document.activeElement);
    const held = focused && focused.v;
    const shown = ui.tables[0] ? heights(ui.tables[0].heads[2].clientWidth - 6) : 100;
    rows.forEach((v, i) => fill(ui.slots[i], v, chain, shown));
    if (held && focused.v !== held) {
      const now = ui.slots.find((s) => s.v === held);
      if (now) now.link.focus({ preventScroll: true });
    }
    for (const table of ui.tables) {
      for (const th of table.heads) {
        const sorted = th.key === ui.sort;
        const order = sorted ? (ui.down ? "descending" : "ascending") : null;
        if (th.getAttribute("aria-sort") !== order) { if (order) th.setAttribute("aria-sort", order); else th.removeAttribute("aria-sort"); }
      }
      table.chunks.forEach(paint);
      paintStrip(table, chain);
    }
    [...legend.children].forEach((item) => item.paint());
  }

  const resize = new ResizeObserver(() => requestAnimationFrame(update));
  resize.observe(tables);
  return { update, close() { seen.disconnect(); resize.disconnect(); }, focusFilter: () => filter.focus() };
}

function ownCards(root, chain) {
  const own = chain.validators.filter((v) => v.own);
  const key = own.map((v) => v.address).join();
  if (root.key !== key) {
    root.key = key;
    root.cards = own.map(() => card());
    root.replaceChildren(...root.cards.map((c) => c.node));
  }
  own.forEach((v, i) => root.cards[i].fill(v, chain));
}

function card() {
  const node = el("article", "card");
  const head = el("div", "head");
  const title = el("h2");
  const link = title.appendChild(el("a"));
  const id = el("span", "id");
  const badge = el("span", "badge");
  head.append(title, id, badge);
  const body = el("div", "body");
  const [big, small, stats] = [el("div", "big"), el("div", "small"), el("div", "stats")];
  const lead = el("div");
  lead.append(big, small);
  body.append(lead, stats);
  const meter = el("div", "meter", null, { role: "img" });
  const fill = meter.appendChild(el("i"));
  const canvas = el("canvas", "", null, { role: "img" });
  node.append(head, body, meter, canvas);
  return {
    node,
    fill(v, chain) {
      const wrong = chain.troubles.find((t) => t.valoper === v.valoper);
      set(link, name(v));
      link.setAttribute("href", validatorPath(chain.chain_id, v));
      set(id, tail(v.valoper));
      const [word, kind] = state(v);
      set(badge, word, "badge " + kind);
      node.className = "card " + (wrong ? wrong.severity : "");
      if (v.jailed) {
        set(big, "in jail");
        set(small, v.may_unjail ? "may leave it now" : v.jailed_until ? `until ${v.jailed_until.slice(0, 16).replace("T", " ")} UTC` : "");
      } else if (v.blocks_to_jail !== null) {
        set(big, toJail(v));
        set(small, `blocks to jail if down · ${duration(v.seconds_to_jail)}`);
      } else {
        set(big, "–");
        set(small, chain.window_source === "none" ? "this chain jails nobody" : v.in_set ? "window not read yet" : "not in the set");
      }
      const parts = [["window", v.window_missed === null ? "–" : `${count(v.window_missed)}/${count(v.window_limit)}`],
        ["uptime", percent(v.uptime_ratio, 2)]];
      const p24 = v.forecast && v.forecast.jail_probability_24h;
      if (p24 !== undefined && p24 !== null) parts.push(["P(jail 24 h)", chance(p24)]);
      parts.push(["missed", count(v.missed)], ["nil", count(v.nil)], ["proposed", count(v.proposed)]);
      set(stats, parts.map(([label, value]) => `${label} ${value}`).join("   "));
      const share = used(v);
      meter.className = "meter " + level(share);
      meter.setAttribute("aria-label", share === null ? "no window" : `${Math.round(100 * share)} % of the allowed misses used`);
      fill.style.width = `${100 * (share || 0)}%`;
      const shown = v.flags.slice(-100);
      canvas.setAttribute("aria-label", `${misses(shown)} missed of the last ${shown.length} heights`);
      draw(canvas, shown, (chain.rounds || "").slice(-100));
    },
  };
}

export function facts(chain) {
  return [
    ["height", count(chain.height), "large"],
    ["block time", chain.block_seconds === null ? "–" : `${chain.block_seconds.toFixed(2)} s`],
    ["round", count(chain.round), chain.round > 0 ? "late" : ""],
    ["power signed", percent(chain.signed_power_ratio, 1)],
    ["validators", count(chain.set_size)],
    ["window", chain.window ? `${count(chain.window.limit)} of ${count(chain.window.blocks)}` : "–", "", "misses allowed in the slashing window"],
    ...(chain.upgrade ? [[`upgrade ${chain.upgrade.name}`.slice(0, 24), `in ${count(chain.upgrade.blocks)} blocks`, chain.upgrade.halt_expected ? "late" : ""]] : []),
  ];
}

export function footer(root, chain) {
  const window_ = { store: "windows exact, from the chain's store", counter: "windows from counters only, forecasts are lower bounds",
    none: "no slashing module", unknown: "windows not read yet" }[chain.window_source] || `windows: ${chain.window_source}`;
  const check = chain.disagreements ? `${count(chain.disagreements)} disagreements with the chain` : "agrees with the chain";
  const unknown = chain.unknown_heights ? `, ${count(chain.unknown_heights)} heights unknown` : "";
  const lines = chain.sources.map((s) => {
    const status = s.quarantined ? "OTHER CHAIN" : s.up ? "up" : "DOWN";
    return [s.up, `${status} `, `${s.endpoint}, height ${count(s.height)}${s.lag ? `, ${count(s.lag)} behind` : ""}${s.errors ? `, ${count(s.errors)} errors` : ""}`, s.last_error || ""];
  });
  const said = `${chain.feed || "no feed yet"} · ${window_} · ${check}${unknown}`;
  const key = JSON.stringify([lines, said]);
  if (root.key === key) return;
  root.key = key;
  const list = el("ul", "sources", null, { "aria-label": "Endpoints" });
  for (const [up, status, text, error] of lines) {
    const item = el("li", up ? "" : "down", null, error ? { title: error } : {});
    item.append(el("b", "", status), text);
    list.append(item);
  }
  root.replaceChildren(list, el("p", chain.disagreements || chain.unknown_heights ? "warn" : "", said));
}

export { ageOf, chainPath };
