// All chains, those that need somebody first.

import { chainPath, count, duration, el, name, percent, set, short, state, toJail, validatorPath } from "./text.js";
import { draw } from "./grid.js";
import { ageOf } from "./model.js";

const COLUMNS = [["chain", "Chain"], ["health", "Health"], ["height", "height"], ["age", "last block"], ["power", "power signed"],
  ["ends", "endpoints"], ["worst", "closest own validator"], ["grid", "its last 50 heights"], ["jail", "to jail if down"], ["alerts", "alerts"]];

// The same for the dot and for the word, so that neither colour nor shape is needed to tell.
export function health(chain) {
  if (chain.blind) return [0, "BLIND", "bad"];
  if (chain.critical) return [1, "CRITICAL", "bad"];
  if (chain.height === null) return [2, "WAITING", "warn"];
  if (chain.warnings) return [3, "WARNING", "warn"];
  if (chain.disagreements) return [4, "DISAGREES", "warn"];
  if (chain.sources_up < chain.sources) return [5, "ENDPOINT DOWN", "warn"];
  return [6, "GOOD", ""];
}

export function mount(root, model) {
  const title = el("h1", "", "Chains");
  const table = el("table", "chains", null, { "aria-label": "Chains" });
  const head = el("thead");
  const tr = el("tr");
  for (const [kind, text] of COLUMNS) tr.append(el("th", kind, text, { scope: "col" }));
  head.append(tr);
  const body = el("tbody");
  table.append(head, body);
  root.append(title, table);
  let slots = [];

  function slot() {
    const row = el("tr");
    const cells = {};
    for (const [kind] of COLUMNS) cells[kind] = row.appendChild(kind === "chain" ? el("th", kind, null, { scope: "row" }) : el("td", kind));
    const link = cells.chain.appendChild(el("a"));
    const worst = cells.worst.appendChild(el("a"));
    const canvas = cells.grid.appendChild(el("canvas", "", null, { role: "img" }));
    return { row, cells, link, worst, canvas };
  }

  function fill({ row, cells, link, worst, canvas }, chain) {
    const [, word, kind] = health(chain);
    set(link, chain.chain_id);
    link.setAttribute("href", chainPath(chain.chain_id));
    set(cells.health, word, "health " + kind);
    set(cells.height, count(chain.height));
    const age = ageOf(chain);
    set(cells.age, age === null ? "–" : age < 10 ? `${age.toFixed(0)} s` : duration(age), "age " + (chain.blind ? "bad" : ""));
    set(cells.power, percent(chain.signed_power_ratio, 1));
    set(cells.ends, `${chain.sources_up} of ${chain.sources}`, "ends " + (chain.sources_up < chain.sources ? "warn" : ""));
    const w = chain.worst;
    row.className = kind;
    set(worst, w ? name(w) : chain.own ? "–" : "none watched");
    if (w) worst.setAttribute("href", validatorPath(chain.chain_id, w)); else worst.removeAttribute("href");
    const [, bad] = w ? state(w) : ["", ""];
    set(cells.jail, !w ? "" : w.jailed || !w.in_set ? state(w)[0] : w.blocks_to_jail === null ? "–" : `${toJail(w)} · ${short(w.seconds_to_jail)}`, "jail " + bad);
    const alerts = [chain.critical ? `${chain.critical} critical` : "", chain.warnings ? `${chain.warnings} warning${chain.warnings > 1 ? "s" : ""}` : ""].filter(Boolean).join(", ");
    set(cells.alerts, alerts || "none", "alerts " + (chain.critical ? "bad" : chain.warnings ? "warn" : "zero"));
    canvas.hidden = !w;
    if (w) {
      canvas.setAttribute("aria-label", `${(w.flags.match(/m/gi) || []).length} missed of ${w.flags.length}`);
      draw(canvas, w.flags);
    }
  }

  function update() {
    const chains = [...model.chains].sort((a, b) => health(a)[0] - health(b)[0] || (a.chain_id < b.chain_id ? -1 : 1));
    set(title, chains.length ? `${count(chains.length)} chain${chains.length > 1 ? "s" : ""}` : "Waiting for the monitor…");
    if (slots.length !== chains.length) {
      slots = chains.map(slot);
      body.replaceChildren(...slots.map((s) => s.row));
    }
    chains.forEach((chain, i) => fill(slots[i], chain));
  }
  return { update, close() {} };
}
