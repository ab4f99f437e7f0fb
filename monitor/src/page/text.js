// Numbers with their units, names of strangers, and elements. Whatever a stranger chose is only ever set as text.

const number = new Intl.NumberFormat("en");
export const count = (n) => (n === null || n === undefined ? "–" : number.format(n));
export const percent = (ratio, digits) => (ratio === null || ratio === undefined ? "–" : (100 * ratio).toFixed(digits) + " %");

export function el(tag, className, text, attributes) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  return node;
}

// Writes only what differs: a page that is read aloud must not start over at every block.
export function set(node, text, className) {
  if (node.shown !== text) node.textContent = node.shown = text;
  if (className !== undefined && node.styled !== className) node.className = node.styled = className;
  return node;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const s = Math.round(seconds);
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.round(s / 86400)} days`;
}

// The same in a few letters, for a column.
export function short(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const [unit, size] = seconds < 120 ? ["s", 1] : seconds < 7200 ? ["min", 60] : seconds < 172800 ? ["h", 3600] : ["d", 86400];
  return `${Math.round(seconds / size)} ${unit}`;
}

export const utc = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ") + " UTC";

export function chance(p) {
  if (p === null || p === undefined) return "–";
  if (p >= 0.9995) return "> 99.9 %";
  if (p < 0.00005) return "< 0.01 %";
  return (100 * p).toPrecision(2) + " %";
}

// Marks, isolates and invisible letters of a name could change how its neighbours read.
const plain = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "").replace(/\p{M}{4,}/gu, "").trim();
export const name = (v) => plain(v.moniker || "") || v.valoper.slice(0, 14);
export const tail = (valoper) => (valoper.length > 24 ? valoper.slice(0, 16) + "…" + valoper.slice(-4) : valoper);

export const chainPath = (id) => `#/c/${encodeURIComponent(id)}`;
export const validatorPath = (id, v) => `${chainPath(id)}/v/${encodeURIComponent(v.valoper)}`;

// What is going on with a validator, and how bad that is.
export function state(v) {
  if (v.tombstoned) return ["TOMBSTONED", "bad"];
  if (v.jailed) return ["JAILED", "bad"];
  if (!v.in_set) return ["NOT IN SET", "warn"];
  if (v.consecutive_missed > 0) return [`DOWN ${count(v.consecutive_missed)}`, v.consecutive_missed >= 3 ? "bad" : "warn"];
  return ["SIGNING", ""];
}

// How much of the window's allowance is used: 0 to 1, null where there is no window.
export function used(v) {
  if (v.window_missed === null || v.window_limit === null) return null;
  return v.window_limit > 0 ? Math.min(1, v.window_missed / v.window_limit) : Number(v.window_missed > 0);
}
export const level = (share) => (share === null || share < 0.5 ? "" : share < 0.9 ? "warn" : "bad");

export const toJail = (v) => (v.exact ? "" : "≥ ") + count(v.blocks_to_jail);
