// After a suggestion was taken in: its draft is not needed any more, and the receipt can be printed.
"use strict";

try {
  const sent = document.querySelector("[data-suggestion-sent]");
  localStorage.removeItem(`zhiku-suggestion-draft${sent ? sent.dataset.suggestionSent : ""}`);
} catch {
  /* storage is refused: then there was no draft either */
}

const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
