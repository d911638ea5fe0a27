// Completes what is typed into a search box: a combobox with a listbox (WAI-ARIA 1.2, list autocomplete with manual
// selection). Without this script the box is an ordinary one, and whatever fails here leaves it so.
"use strict";

(() => {
  const WAIT_MS = 120;

  function enhance(input) {
    const form = input.form;
    const list = document.createElement("ul");
    list.id = `${input.id}-completions`;
    list.className = "completions";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "可以这样接着写");
    list.hidden = true;
    const status = document.createElement("p");
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    input.closest(".search-field").append(list, status);
    for (const [name, value] of Object.entries({
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": list.id,
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
    })) {
      input.setAttribute(name, value);
    }

    let options = [];
    let active = -1;
    let isComposing = false;
    let timer = 0;
    let request = null;

    function close() {
      clearTimeout(timer);
      request?.abort();
      request = null;
      list.hidden = true;
      status.textContent = "";
      input.setAttribute("aria-expanded", "false");
      activate(-1);
    }

    function activate(place) {
      list.children[active]?.setAttribute("aria-selected", "false");
      active = place;
      const option = list.children[active];
      if (!option || list.hidden) {
        input.removeAttribute("aria-activedescendant");
        return;
      }
      option.setAttribute("aria-selected", "true");
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }

    function show(found) {
      options = found;
      active = -1;
      input.removeAttribute("aria-activedescendant");
      list.replaceChildren(...found.map(optionOf));
      list.hidden = found.length === 0;
      input.setAttribute("aria-expanded", String(found.length > 0));
      status.textContent = found.length ? `有 ${found.length} 条提示，按上下键选择` : "";
    }

    function optionOf(completion, place) {
      const option = document.createElement("li");
      option.id = `${list.id}-${place}`;
      option.className = "completion";
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      const text = document.createElement("span");
      text.className = "completion-text";
      text.textContent = completion.completed;
      const group = document.createElement("span");
      group.className = "completion-group";
      group.textContent = completion.label;
      option.append(text, " ", group);
      // The box keeps the focus, so that its list is not closed before the click arrives.
      option.addEventListener("pointerdown", (event) => event.preventDefault());
      option.addEventListener("mousedown", (event) => event.preventDefault());
      option.addEventListener("click", () => choose(place));
      return option;
    }

    function choose(place) {
      input.value = options[place].text;
      close();
      form.requestSubmit();
    }

    async function ask() {
      const typed = input.value;
      request?.abort();
      const mine = (request = new AbortController());
      const address = new URL(input.dataset.complete, location.href);
      address.searchParams.set("q", typed);
      try {
        const answer = await fetch(address, { signal: mine.signal, headers: { Accept: "application/json" } });
        const found = answer.ok ? (await answer.json()).completions : [];
        // Late answers, and those to a box that was left, are nobody's any more.
        if (mine !== request || input.value !== typed || isComposing || document.activeElement !== input) return;
        show(found);
      } catch {
        if (mine === request) close();
      }
    }

    function askSoon() {
      clearTimeout(timer);
      request?.abort();
      request = null;
      if (isComposing) return;
      if (!input.value.trim()) {
        close();
        return;
      }
      timer = setTimeout(ask, WAIT_MS);
    }

    input.addEventListener("compositionstart", () => {
      isComposing = true;
      // The input method has a list of its own, which must not lie over ours.
      close();
    });
    input.addEventListener("compositionend", () => {
      isComposing = false;
      askSoon();
    });
    input.addEventListener("input", (event) => {
      if (!event.isComposing) askSoon();
    });
    input.addEventListener("blur", close);
    form.addEventListener("submit", close);
    window.addEventListener("pagehide", close);

    input.addEventListener("keydown", (event) => {
      // 229: a key that the input method takes for itself. Some browsers send the Enter that ends a composition after
      // its end; it must not send the form.
      if (event.isComposing || isComposing || event.keyCode === 229) {
        if (event.key === "Enter") event.preventDefault();
        return;
      }
      const isOpen = !list.hidden;
      const last = options.length - 1;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        if (!isOpen) {
          if (input.value.trim()) ask();
        } else if (event.key === "ArrowDown") {
          activate(active === last ? -1 : active + 1);
        } else {
          activate(active === -1 ? last : active - 1);
        }
      } else if (event.key === "Enter" && isOpen && active >= 0) {
        event.preventDefault();
        choose(active);
      } else if (event.key === "Escape" && isOpen) {
        // Only the list: a search box would empty itself.
        event.preventDefault();
        close();
      } else if (event.key === "Tab" && isOpen) {
        close();
      }
    });
  }

  for (const input of document.querySelectorAll("input[data-complete]")) enhance(input);
})();
