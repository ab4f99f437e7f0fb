// Who looks: reads what this browser may do, and opens or ends its session.

import { el } from "./text.js";

export const may = { look: true, change: false, session: false, token: false };
let changed = () => {};
export const onAccess = (callback) => { changed = callback; };

export async function learn() {
  const answer = await fetch("api/session").catch(() => null);
  if (!answer || !answer.ok) return;
  const said = await answer.json();
  Object.assign(may, { look: said.may_look, change: said.may_change, session: said.session, token: said.token_wanted });
  changed();
}

export function access() {
  const dialog = document.getElementById("dialog");
  const form = el("form");
  const field = el("input", "", null, { type: "password", id: "token", autocomplete: "current-password", required: "", "aria-describedby": "dialog-note" });
  const note = el("p", "scale", "The token stays in a session of this browser for twelve hours.", { id: "dialog-note", role: "status" });
  const actions = el("p", "acts");
  const enter = el("button", "", "Sign in", { type: "submit" });
  const cancel = el("button", "", "Cancel", { type: "button" });
  actions.append(enter, cancel);
  form.append(el("h2", "", "Sign in", { id: "dialog-title" }), el("label", "", "Token", { for: "token" }), field, note, actions);
  dialog.replaceChildren(form);
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch("api/session", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token: field.value }) }).catch(() => null);
    if (answer && answer.ok) {
      field.value = "";
      dialog.close();
      await learn();
      return;
    }
    const wait = answer && answer.headers.get("retry-after");
    note.textContent = !answer ? "The monitor does not answer." : wait ? `Too many wrong tokens; again in ${wait} s.` : "This token is not known here.";
    field.select();
  });
  dialog.showModal();
}

export async function leave() {
  await fetch("api/session", { method: "DELETE" }).catch(() => null);
  await learn();
}
