// Helps while a suggestion is written: counts characters, and keeps the unfinished text in this browser.
// The form works without it. Name and contact are never kept: the computer may be a shared one.
"use strict";

(() => {
  const form = document.querySelector("[data-suggestion-form]");
  if (!form) return;
  // A liaison's text for one retiree must not turn up in the form for another.
  const STORE = `zhiku-suggestion-draft${form.dataset.suggestionForm}`;
  const texts = ["subject", "situation", "proposal"].map((name) => form.elements[name]);

  function count(field) {
    const counter = document.querySelector(`[data-counter-for="${field.id}"]`);
    if (!counter) return;
    const limit = Number(field.dataset.limit);
    // The server counts characters, not UTF-16 units.
    const length = Array.from(field.value.trim()).length;
    counter.textContent = length > limit ? `超出 ${length - limit} 个字，请删短一些` : `已写 ${length} 个字，还能写 ${limit - length} 个字`;
    counter.classList.toggle("is-over", length > limit);
  }

  // A browser may refuse storage (private windows, full disks): then there is no draft, and no harm.
  function read() {
    try {
      return JSON.parse(localStorage.getItem(STORE) || "null");
    } catch {
      return null;
    }
  }

  function write() {
    try {
      localStorage.setItem(STORE, JSON.stringify(Object.fromEntries(texts.map((field) => [field.name, field.value]))));
    } catch {
      /* as above */
    }
  }

  function discard() {
    try {
      localStorage.removeItem(STORE);
    } catch {
      /* as above */
    }
  }

  const notice = document.querySelector("[data-draft-notice]");
  const draft = read();
  // What the server sent back has precedence over what was kept.
  if (draft && texts.every((field) => field.value === "") && texts.some((field) => draft[field.name])) {
    for (const field of texts) field.value = draft[field.name] || "";
    notice.hidden = false;
  }
  document.querySelector("[data-draft-discard]").addEventListener("click", () => {
    for (const field of texts) field.value = "";
    discard();
    texts.forEach(count);
    notice.hidden = true;
    texts[0].focus();
  });
  for (const field of texts) {
    count(field);
    field.addEventListener("input", () => {
      count(field);
      write();
    });
  }
})();
