// What every page does: asks before a deed that destroys, selects all, and keeps still while a question is open.
"use strict";
(() => {
  const dialog = document.getElementById("ask");
  const yes = document.getElementById("ask-yes");
  let pending = null;
  let isStill = false;

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    const question = button?.dataset.ask ?? (button?.hasAttribute("formaction") ? null : form.dataset.ask);
    if (!question || form.dataset.sure) {
      return;
    }
    event.preventDefault();
    const label = button.getAttribute("aria-label") ?? button.textContent.trim();
    document.getElementById("ask-title").textContent = label;
    document.getElementById("ask-text").textContent = question;
    yes.textContent = button.textContent.trim();
    pending = { form, button };
    dialog.showModal();
  });

  yes?.addEventListener("click", () => {
    const { form, button } = pending;
    const sure = document.createElement("input");
    sure.type = "hidden";
    sure.name = "confirmed";
    sure.value = "yes";
    form.append(sure);
    form.dataset.sure = "yes";
    dialog.close();
    form.requestSubmit(button);
  });
  document.getElementById("ask-no")?.addEventListener("click", () => dialog.close());

  // A part that is shown anew would take the form away that the question is about, or what is being typed or read.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail;
    const active = document.activeElement;
    const isTyping = ["INPUT", "TEXTAREA", "SELECT"].includes(active?.tagName) && target.contains(active);
    if (isStill || dialog?.open || isTyping || target.querySelector("details[open]")) {
      event.detail.shouldSwap = false;
    }
  });
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    if (isStill) {
      event.preventDefault();
    }
  });

  // A link keeps the focus while what it stands in is shown anew (htmx looks after what has an id).
  let focused = null;
  const remember = (event) => {
    const active = document.activeElement;
    focused = active?.matches("a[href]:not([id])") && event.target.contains(active) ? active.getAttribute("href") : null;
  };
  const restore = () => {
    if (focused !== null && document.activeElement === document.body) {
      document.querySelector(`main a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
    focused = null;
  };
  document.addEventListener("htmx:sseBeforeMessage", remember);
  document.addEventListener("htmx:beforeSwap", remember);
  document.addEventListener("htmx:sseMessage", restore);
  document.addEventListener("htmx:afterSwap", restore);

  // Who reads slowly, or is read to, can have what changes by itself wait.
  const hold = document.getElementById("still");
  hold?.addEventListener("click", () => {
    isStill = !isStill;
    hold.setAttribute("aria-pressed", String(isStill));
    document.body.toggleAttribute("data-still", isStill);
  });

  // On a phone the menu is wider than the screen.
  document.querySelector(".menu [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // A live region is read out when it changes, and not as part of a page that has just been loaded.
  const flash = document.getElementById("flash");
  if (flash) {
    const said = flash.textContent;
    flash.textContent = "";
    requestAnimationFrame(() => requestAnimationFrame(() => {
      flash.textContent = said;
    }));
  }

  const boxes = () => [...document.querySelectorAll('#letters input[name="id"]')];
  const count = () => {
    const selected = boxes().filter((box) => box.checked).length;
    const said = document.getElementById("selected");
    if (said) {
      said.textContent = selected ? `${selected} selected` : "";
    }
  };
  document.addEventListener("change", (event) => {
    if (event.target.dataset.all) {
      for (const box of boxes()) {
        box.checked = event.target.checked;
      }
    }
    count();
  });
})();
