// While a suggestion is written: shows others on the same matter below the form. The form works without it, and when
// the answer does not come nothing is said: it is an offer, no check.
"use strict";

(() => {
  const PAUSE = 600;
  const LEAST = 6;
  const form = document.querySelector("[data-suggestion-form]");
  const box = document.querySelector("[data-similar]");
  if (!form || !box) return;
  const list = box.querySelector("[data-similar-list]");
  // Of those that are not public yet it is said only that there are some.
  const notice = box.querySelector("[data-similar-notice]");
  const hint = box.querySelector("[data-similar-hint]");
  const fields = ["subject", "situation", "proposal"].map((name) => form.elements[name]);
  let timer = 0;
  let asked = "";
  let request = null;

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function row(suggestion) {
    const link = element("a", "", suggestion.subject);
    link.href = suggestion.page;
    link.target = "_blank";
    link.rel = "noopener";
    const title = element("p", "record-title");
    title.append(link);
    const facts = element("p", "record-facts");
    facts.append(
      element("span", "tag tag-plain", suggestion.likeness.label),
      element("span", "", suggestion.status.label),
      element("span", "", suggestion.number),
      element("span", "", suggestion.submitted_on_label),
    );
    const sentence = element("p", "mt-2 mb-0");
    for (const fragment of suggestion.fragments) sentence.append(element(fragment.is_match ? "mark" : "span", "", fragment.text));
    const item = element("li");
    item.append(title, facts, sentence);
    return item;
  }

  async function look() {
    const [subject, situation, proposal] = fields.map((field) => field.value.trim());
    const body = JSON.stringify({ subject, text: `${situation}\n${proposal}`.trim() });
    if (body === asked) return;
    asked = body;
    if (request) request.abort();
    if (subject.length + situation.length + proposal.length < LEAST) {
      box.hidden = true;
      return;
    }
    request = new AbortController();
    try {
      const answer = await fetch(box.dataset.similar, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body,
        signal: request.signal,
      });
      if (!answer.ok) return;
      const found = await answer.json();
      list.replaceChildren(...found.suggestions.map(row));
      hint.hidden = found.suggestions.length === 0;
      notice.textContent = found.notice;
      notice.hidden = !found.notice;
      box.hidden = found.suggestions.length === 0 && !found.notice;
    } catch {
      /* offline, or overtaken by the next letter */
    }
  }

  for (const field of fields) {
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(look, PAUSE);
    });
  }
  const discard = document.querySelector("[data-draft-discard]");
  if (discard) {
    discard.addEventListener("click", () => {
      clearTimeout(timer);
      asked = "";
      box.hidden = true;
    });
  }
  // What was restored, or sent back by the server.
  if (fields.some((field) => field.value)) timer = setTimeout(look, PAUSE);
})();
