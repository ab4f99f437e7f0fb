// What is wrong: what broke, what it means, what is left, and what to type.

import { el, name, set } from "./text.js";

export function trouble(root, items) {
  const key = items.map((t) => `${t.severity} ${t.chain || ""} ${t.valoper} ${t.advice}`).join("\n");
  if (root.key !== key) {
    root.key = key;
    root.boxes = items.map((t) => {
      const box = el("article", "alarm " + t.severity);
      const head = el("h2");
      const who = t.href ? el("a", "", null, { href: t.href }) : el("span");
      const what = el("span");
      head.append(who, " ", what);
      const [means, left] = [el("p", "means"), el("p", "left")];
      const type = el("p", "type");
      const code = el("code", "", t.advice);
      const copy = el("button", "copy", "copy", { type: "button", "aria-label": "Copy the command" });
      copy.addEventListener("click", async () => {
        try { await navigator.clipboard.writeText(t.advice); copy.textContent = "copied"; } catch { getSelection().selectAllChildren(code); }
        setTimeout(() => { copy.textContent = "copy"; }, 2000);
      });
      type.append(el("span", "prompt", "type"), code, copy);
      box.append(el("strong", "", t.severity.toUpperCase()), head, means, left, type);
      return { box, who, what, means, left };
    });
    root.replaceChildren(...root.boxes.map((b) => b.box));
  }
  items.forEach((t, i) => {
    const b = root.boxes[i];
    set(b.who, t.who || name(t));
    set(b.what, t.what);
    set(b.means, t.means || "");
    set(b.left, t.left || "");
  });
}
