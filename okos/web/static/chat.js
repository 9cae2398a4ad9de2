// Users side by side: each pane is one user of the local channel. Everything comes by one stream of events.
"use strict";
(() => {
  const FIRST = ["ada", "ben", "cleo"];
  const MORE = ["dev", "eva", "finn", "gita", "hugo", "ines", "jan", "kofi", "lea"];
  const csrf = document.body.dataset.csrf;
  const pageId = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const panes = new Map();
  const link = document.getElementById("link");

  class Pane {
    constructor(user) {
      this.user = user;
      this.waiting = new Set();
      this.drafts = new Map();
      const copy = document.getElementById("pane").content.cloneNode(true);
      this.node = copy.querySelector(".pane");
      this.log = copy.querySelector(".log");
      this.state = copy.querySelector("[data-state]");
      this.field = copy.querySelector("textarea");
      const label = copy.querySelector("label");
      copy.querySelector("h2").textContent = user;
      this.log.setAttribute("aria-label", `Chat of ${user}`);
      this.node.setAttribute("aria-label", user);
      this.node.dataset.user = user;
      this.field.id = `say-${user}`;
      label.htmlFor = this.field.id;
      label.textContent = `Message of ${user}`;
      copy.querySelector("[data-box]").href = `/mailbox?key=${encodeURIComponent(`local:${user}`)}`;
      const close = copy.querySelector("[data-close]");
      close.setAttribute("aria-label", `Close the pane of ${user}`);
      close.addEventListener("click", () => {
        panes.delete(user);
        this.node.remove();
      });
      copy.querySelector("form").addEventListener("submit", (event) => {
        event.preventDefault();
        this.send();
      });
      this.field.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          this.send();
        }
      });
      document.getElementById("panes").append(copy);
    }

    send() {
      const text = this.field.value;
      if (text.trim()) {
        this.field.value = "";
        this.say(text);
      }
    }

    async say(text) {
      const mine = this.bubble(text, "mine");
      try {
        const answer = await fetch("/chat/say", {
          method: "POST",
          headers: { "x-csrf-token": csrf, accept: "application/json" },
          body: new URLSearchParams({ page: pageId, user: this.user, text }),
        });
        const said = answer.headers.get("content-type")?.includes("json") ? await answer.json() : { error: await answer.text() };
        if (!answer.ok) {
          throw new Error(said.error);
        }
        if (!mine.dataset.answered && !answered.has(said.id)) {
          this.waiting.add(said.id);
        }
      } catch (error) {
        mine.classList.add("refused");
        this.bubble(`Not sent: ${error.message}`, "theirs failed");
      }
      this.tell();
    }

    see(event) {
      if (event.what === "glimpse") {
        const before = this.drafts.get(event.id);
        if (answered.has(event.id) || (before && before.attempt > event.attempt)) {
          return;
        }
        const node = before?.node ?? this.bubble("", "theirs draft");
        node.setAttribute("aria-hidden", "true");
        node.textContent = event.text;
        this.drafts.set(event.id, { node, attempt: event.attempt });
        this.scroll();
      } else {
        if (event.last) {
          answered.add(event.id);
          this.waiting.delete(event.id);
        }
        this.drafts.get(event.id)?.node.remove();
        this.drafts.delete(event.id);
        if (event.text.trim()) {
          this.bubble(event.text, event.failed ? "theirs failed" : "theirs");
        }
      }
      this.tell();
    }

    bubble(text, kind) {
      const node = document.createElement("li");
      node.className = `bubble ${kind}`;
      node.textContent = text;
      this.log.append(node);
      while (this.log.childElementCount > 300) {
        this.log.firstElementChild.remove();
      }
      this.scroll();
      return node;
    }

    scroll() {
      this.log.scrollTop = this.log.scrollHeight;
    }

    tell() {
      const open = this.waiting.size;
      this.state.textContent = this.drafts.size ? "writing…" : open ? `${open} waiting` : "idle";
    }
  }

  // What was answered before its sending was confirmed: the answer may be quicker than the confirmation.
  const answered = new Set();

  const add = (user) => {
    if (!panes.has(user)) {
      panes.set(user, new Pane(user));
    }
    return panes.get(user);
  };

  // What a browser gives up on (a refusal, while the web or its store starts again) is tried anew.
  const connect = () => {
    const events = new EventSource(`/chat/stream?page=${pageId}`);
    events.onopen = () => {
      link.textContent = "Connected";
    };
    events.onerror = () => {
      link.textContent = "Connecting…";
      if (events.readyState === EventSource.CLOSED) {
        setTimeout(connect, 3000);
      }
    };
    events.onmessage = (message) => {
      const event = JSON.parse(message.data);
      panes.get(event.user)?.see(event);
    };
  };
  connect();

  document.getElementById("add").addEventListener("click", () => {
    let user = MORE.find((name) => !panes.has(name));
    for (let number = 1; !user; number += 1) {
      user = panes.has(`user-${number}`) ? null : `user-${number}`;
    }
    add(user).field.focus();
  });
  document.getElementById("everybody").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = document.getElementById("to-all");
    const text = field.value;
    if (text.trim()) {
      field.value = "";
      for (const pane of panes.values()) {
        pane.say(text);
      }
    }
  });
  FIRST.forEach(add);
})();
