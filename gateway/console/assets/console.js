// Keeps the list fresh and lets the keyboard walk through it. Every page works without it.
"use strict";

const list = document.getElementById("list");
const live = document.getElementById("live");
const rows = () => [...document.querySelectorAll("#list tbody tr")];
const link = (row) => row && row.querySelector("a");

// How often it is asked what is new, in milliseconds.
const EVERY = 1000;
let seen = "";

async function refresh() {
  const paged = new URLSearchParams(location.search).has("before");
  if (!list || !live.checked || paged || document.hidden) return;
  const headers = { "x-parapet-part": "list", "x-parapet-seen": seen };
  const answer = await fetch(location.href, { headers, credentials: "same-origin" });
  if (answer.status === 401 || answer.status === 403) return location.reload();
  if (answer.status !== 200) return;
  seen = answer.headers.get("x-parapet-seen") || "";
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Whoever stands on a row goes on standing on it.
  const on = document.activeElement && document.activeElement.closest("#list tr");
  list.replaceChildren(...fresh.body.childNodes);
  if (on) link(rows().find((row) => row.dataset.id === on.dataset.id))?.focus();
}

async function keepFresh() {
  // A server that is away for a moment is asked again.
  try { await refresh(); } catch { /* next time */ }
  setTimeout(keepFresh, EVERY);
}

function walk(by) {
  const all = rows();
  const at = all.indexOf(document.activeElement && document.activeElement.closest("tr"));
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1);
  link(all[next])?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea");
  if (event.key === "Escape") return field ? field.blur() : (!list && history.length > 1 && history.back());
  if (field) return;
  const steps = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
  if (list && event.key in steps && event.target.type !== "radio") {
    event.preventDefault();
    walk(steps[event.key]);
  } else if (list && event.key === "/") {
    event.preventDefault();
    document.querySelector("#filter input[name=guardrail]").focus();
  }
});

if (list) {
  // A choice needs no button, and a row is a link wherever it is pressed.
  const filter = document.getElementById("filter");
  filter.addEventListener("change", (event) => {
    if (event.target.type === "radio") filter.requestSubmit();
  });
  list.addEventListener("click", (event) => {
    if (!event.target.closest("a") && !String(getSelection())) link(event.target.closest("tbody tr"))?.click();
  });
  keepFresh();
}
