// Draws heights as boxes. Every state differs in shape as well as in colour: missed is a full bar, nil a half one,
// proposed carries a notch, "not in the set" is a thin line, unknown is empty, a late round a line at the left.

export const STATES = [
  ["s", "signed"], ["S", "proposed"], ["n", "nil vote"], ["m", "missed"], ["-", "not in the set"], ["?", "unknown"],
  ["late", "round > 0"],
];
const NAMES = { s: "signed", n: "voted nil", m: "missed", "-": "not in the set", "?": "unknown" };

export let palette = {};
export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  palette = Object.fromEntries(["signed", "proposed", "missed", "nil", "out", "unknown", "late", "text", "dim", "faint",
    "line", "good", "warn", "bad", "brand", "panel"].map((name) => [name, style.getPropertyValue("--" + name).trim()]));
}

// A canvas in device pixels; null while it has no size.
export function surface(canvas, width, height, styled) {
  const scale = window.devicePixelRatio || 1;
  const w = Math.round(width * scale);
  const h = Math.round(height * scale);
  if (!w || !h) return null;
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    // One that the style sheet sizes must go on following it.
    if (!styled) {
      canvas.style.width = width + "px";
      canvas.style.height = height + "px";
    }
  }
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, w, h);
  return { context, w, h, scale };
}

// One line of letters into a box; `rounds` are as many digits, "0" for a decision in the first round.
export function line({ context, scale }, left, top, width, height, flags, rounds) {
  const box = (color, x, y, w, h) => { context.fillStyle = color; context.fillRect(x, y, w, h); };
  const gap = flags.length > 1 && width / flags.length >= 3 ? Math.max(1, Math.round(scale * 0.6)) : 0;
  const inset = Math.round(height * 0.14);
  for (let i = 0; i < flags.length; i++) {
    const x = left + Math.round(i * width / flags.length);
    const w = Math.max(1, left + Math.round((i + 1) * width / flags.length) - x - gap);
    const flag = flags[i].toLowerCase();
    if (flag === "m") box(palette.missed, x, top, w, height);
    else if (flag === "n") {
      box(palette.signed, x, top + inset, w, height - 2 * inset);
      box(palette.nil, x, top + Math.round(height / 2), w, height - Math.round(height / 2));
    } else if (flag === "s") box(palette.signed, x, top + inset, w, height - 2 * inset);
    else if (flag === "-") box(palette.out, x, top + Math.round(height * 0.44), w, Math.max(1, Math.round(height * 0.14)));
    else box(palette.unknown, x, top + inset, w, height - 2 * inset);
    if (flags[i] !== flag) box(palette.proposed, x, top, w, Math.round(height * 0.34));
    if (rounds && rounds[i] > "0" && rounds[i] !== "?") {
      box(palette.late, x, top + height - Math.max(1, Math.round(scale)), w + gap, Math.max(1, Math.round(scale)));
    }
  }
}

// A canvas of its own for one line.
export function draw(canvas, flags, rounds) {
  const key = [flags, rounds, canvas.clientWidth, canvas.clientHeight, palette.signed].join(" ");
  if (canvas.drawn === key) return;
  const on = surface(canvas, canvas.clientWidth, canvas.clientHeight, true);
  if (!on) return;
  canvas.drawn = key;
  if (flags === "late") line(on, 0, 0, on.w, on.h, "s", "1");
  else line(on, 0, 0, on.w, on.h, flags, rounds);
}

export const explain = (letter, height, round) => {
  const flag = (letter || "?").toLowerCase();
  const proposed = letter && letter !== flag ? ", proposed" : "";
  const late = round > "0" && round !== "?" ? `, decided in round ${round}` : "";
  return `height ${height}: ${NAMES[flag]}${proposed}${late}`;
};

export const misses = (flags) => { let n = 0; for (const c of flags) if (c === "m" || c === "M") n++; return n; };
export const nils = (flags) => { let n = 0; for (const c of flags) if (c === "n" || c === "N") n++; return n; };
