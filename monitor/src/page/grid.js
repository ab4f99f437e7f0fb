// Draws a row of heights. Every state differs in shape as well as in colour: missed is a full bar, nil a half one,
// proposed carries a notch, "not in the set" is a thin line, unknown is empty.

export const STATES = [
  ["s", "signed"], ["S", "proposed"], ["n", "nil vote"], ["m", "missed"], ["-", "not in the set"], ["?", "unknown"],
];

const NAMES = { s: "signed", n: "voted nil", m: "missed", "-": "not in the set", "?": "unknown" };

let palette;
export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  palette = Object.fromEntries(["signed", "proposed", "missed", "nil", "out", "unknown"]
    .map((name) => [name, style.getPropertyValue("--" + name).trim()]));
}

export function draw(canvas, flags) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (!width || !height) return;
  const key = flags + width + "x" + height + palette.signed;
  if (canvas.drawn === key) return;
  canvas.drawn = key;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const box = (color, x, y, w, h) => { context.fillStyle = color; context.fillRect(x, y, w, h); };
  const gap = flags.length > 1 && width / flags.length >= 3 ? Math.max(1, Math.round(scale * 0.6)) : 0;
  for (let i = 0; i < flags.length; i++) {
    const x = Math.round(i * width / flags.length);
    const w = Math.max(1, Math.round((i + 1) * width / flags.length) - x - gap);
    const flag = flags[i].toLowerCase();
    const inset = Math.round(height * 0.14);
    if (flag === "m") box(palette.missed, x, 0, w, height);
    else if (flag === "n") {
      box(palette.signed, x, inset, w, height - 2 * inset);
      box(palette.nil, x, Math.round(height / 2), w, height - Math.round(height / 2));
    } else if (flag === "s") box(palette.signed, x, inset, w, height - 2 * inset);
    else if (flag === "-") box(palette.out, x, Math.round(height * 0.44), w, Math.max(1, Math.round(height * 0.14)));
    else box(palette.unknown, x, inset, w, height - 2 * inset);
    if (flags[i] !== flag) box(palette.proposed, x, 0, w, Math.round(height * 0.34));
  }
}

// Says under the pointer which height it is and what happened there.
export function explain(canvas, event, flags, last) {
  const index = Math.min(flags.length - 1, Math.floor(event.offsetX / canvas.clientWidth * flags.length));
  const flag = flags[index] || "?";
  const proposed = flag !== flag.toLowerCase() ? ", proposed" : "";
  canvas.title = `height ${last - flags.length + 1 + index}: ${NAMES[flag.toLowerCase()]}${proposed}`;
}
