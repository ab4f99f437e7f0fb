// Alerts of all chains, with acknowledge and silence for who is signed in.

import { chainPath, count, duration, el, set } from "./text.js";
import { access, may } from "./access.js";

const EVERY = 5000;

export function mount(root, model) {
  const title = el("h1", "", "Alerts");
  const note = el("p", "scale");
  const list = el("div", "alertlist");
  const silences = el("section", "part");
  root.append(title, note, list, silences);
  let timer = 0;
  let closed = false;
  let shown = "";

  async function ask() {
    clearTimeout(timer);
    const answer = await fetch("api/alerts").catch(() => null);
    if (closed) return;
    if (answer && answer.ok) draw(await answer.json());
    else if (answer && answer.status === 404) fallback();
    else set(note, answer ? `the monitor answers ${answer.status}` : "the monitor does not answer");
    timer = setTimeout(ask, EVERY);
  }

  // A monitor that owns no alerting still knows what is wrong now.
  function fallback() {
    const wrong = model.chains.filter((c) => c.blind || c.critical || c.warnings);
    set(note, wrong.length ? "" : "Nothing is wrong with own validators, and every chain has fresh data.");
    const key = wrong.map((c) => c.chain_id + c.blind + c.critical + c.warnings).join();
    if (key === shown) return;
    shown = key;
    list.replaceChildren(...wrong.map((c) => {
      const box = el("article", "alarm " + (c.blind || c.critical ? "critical" : "warning"));
      const head = el("h2");
      head.append(el("a", "", c.chain_id, { href: chainPath(c.chain_id) }), el("span", "", c.blind ? " no fresh blocks" : ` ${c.critical} critical, ${c.warnings} warnings`));
      box.append(el("strong", "", c.blind || c.critical ? "CRITICAL" : "WARNING"), head);
      return box;
    }));
  }

  function draw({ alerts = [], silences: quiet = [] }) {
    const rank = (a) => (a.ack ? 2 : 0) + (a.severity === "critical" ? 0 : 1) + (a.silenced ? 4 : 0);
    const firing = alerts.filter((a) => !a.phase || a.phase.firing);
    const pending = alerts.length - firing.length;
    firing.sort((a, b) => rank(a) - rank(b));
    set(note, firing.length ? `${count(firing.length)} firing${pending ? `, ${count(pending)} pending` : ""}` : `Nothing fires${pending ? `; ${count(pending)} pending` : ""}.`);
    const key = JSON.stringify([firing, quiet, may.change]);
    if (key === shown || list.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
    shown = key;
    const held = document.activeElement && document.activeElement.dataset.key;
    list.replaceChildren(...firing.map((a) => alert(a)));
    const again = held && list.querySelector(`[data-key="${CSS.escape(held)}"]`);
    if (again) again.focus();
    silences.replaceChildren(...(quiet.length ? [el("h2", "", "Silences"), ...quiet.map((s) => silence(s))] : []));
  }

  function alert(a) {
    const box = el("article", `alarm ${a.severity}${a.ack || a.silenced ? " quiet" : ""}`);
    const head = el("h2");
    const since = a.phase && a.phase.firing ? a.phase.firing.since : null;
    if (a.key.chain) head.append(el("a", "", a.key.chain, { href: chainPath(a.key.chain) }), " ");
    head.append(el("span", "", a.words.what));
    const words = a.words;
    const status = [a.key.rule, since ? `for ${duration((Date.now() - since) / 1000)}` : "", a.hidden ? "told by another alert" : "", a.silenced ? "silenced" : "",
      a.ack ? `acknowledged by ${a.ack.by}${a.ack.note ? `: ${a.ack.note}` : ""}` : ""].filter(Boolean).join(" · ");
    box.append(el("strong", "", a.severity.toUpperCase()), head, el("p", "means", words.means), el("p", "left", words.left || ""), el("p", "scale", status));
    const type = el("p", "type");
    type.append(el("span", "prompt", "type"), el("code", "", words.advice));
    box.append(type);
    const matcher = { rule: a.key.rule, ...(a.key.chain ? { chain: a.key.chain } : {}), ...(a.key.subject ? { subject: a.key.subject } : {}) };
    const acts = el("p", "acts");
    const id = [a.key.rule, a.key.chain, a.key.subject].join(" ");
    const act = (text, command) => {
      const button = el("button", "", text, { type: "button", "data-key": `${text} ${id}` });
      button.disabled = !may.change;
      if (!may.change) button.title = "sign in with the admin token";
      button.addEventListener("click", () => order(command()));
      acts.append(button);
    };
    const by = "page";
    if (!a.ack) act("Acknowledge", () => ({ ack: { matcher, by, note: "" } }));
    act("Silence 1 h", () => ({ silence: { matcher, seconds: 3600, by, note: "" } }));
    act("Silence 8 h", () => ({ silence: { matcher, seconds: 28800, by, note: "" } }));
    const place = a.key.chain ? { chain: a.key.chain } : matcher;
    act("Maintenance 2 h", () => ({ silence: { matcher: place, seconds: 7200, maintenance: true, by, note: "" } }));
    box.append(acts);
    return box;
  }

  function silence(s) {
    const line = el("p", "acts");
    const about = ["rule", "chain", "subject"].filter((name) => s[name]).map((name) => `${name} ${s[name]}`).join(", ");
    line.append(el("span", "", `${s.maintenance ? "maintenance of " : ""}${about} · by ${s.by || "?"}${s.note ? `: ${s.note}` : ""} `));
    const end = el("button", "", "End", { type: "button", "aria-label": `End the silence of ${about}` });
    end.disabled = !may.change;
    end.addEventListener("click", () => order({ unsilence: { id: s.id } }));
    line.append(end);
    return line;
  }

  async function order(command) {
    const answer = await fetch("api/alerts/order", { method: "POST", headers: { "content-type": "application/json", "x-palisade": "page" }, body: JSON.stringify(command) }).catch(() => null);
    if (answer && answer.status === 401) { await access(); return; }
    set(note, answer ? await answer.text() : "the monitor does not answer");
    shown = "";
    ask();
  }

  ask();
  return { update() {}, close() { closed = true; clearTimeout(timer); }, again() { shown = ""; ask(); } };
}
