// What every page does: asks before a deed that destroys, selects all, and keeps still while a question is open.
"use strict";
(() => {
  const dialog = document.getElementById("ask");
  const yes = document.getElementById("ask-yes");
  let pending = null;

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
    if (dialog?.open || isTyping || target.querySelector("details[open]")) {
      event.detail.shouldSwap = false;
    }
  });

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
