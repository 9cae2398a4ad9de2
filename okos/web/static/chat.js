// Users side by side: each pane is one user of the local channel. Everything comes by one stream of events.
"use strict";
(() => {
  const FIRST = ["ada", "ben", "cleo"];
  const MORE = ["dev", "eva", "finn", "gita", "hugo", "ines", "jan", "kofi", "lea"];
  const csrf = document.body.dataset.csrf;
  const pageId = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const panes = new Map();
  const link = document.getElementById("link");
  const mostBytes = Number(document.getElementById("panes").dataset.mostBytes);

  // Draws a picture small, into a canvas: so no address of it has to be allowed. False if the browser cannot read it.
  const draw = async (canvas, file, width, height) => {
    try {
      const bitmap = await createImageBitmap(file);
      const scale = Math.min(1, width / bitmap.width, height / bitmap.height);
      const sharp = Math.min(2, 1 / scale);
      canvas.width = Math.max(1, Math.round(bitmap.width * scale * sharp));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale * sharp));
      canvas.style.width = `${Math.max(1, Math.round(bitmap.width * scale))}px`;
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      bitmap.close();
      return true;
    } catch {
      return false;
    }
  };

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
      this.chosen = copy.querySelector("[data-chosen]");
      this.photo = null;
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
        document.getElementById("add").focus();
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
      this.takePhotos(copy);
      document.getElementById("panes").append(copy);
    }

    // A photo is picked with the button, pasted, or dropped onto the pane.
    takePhotos(copy) {
      const picker = copy.querySelector("input[type=file]");
      const pick = copy.querySelector("[data-pick]");
      pick.setAttribute("aria-label", `Attach a photo of ${this.user}`);
      pick.addEventListener("click", () => picker.click());
      picker.addEventListener("change", () => {
        this.choose(picker.files[0] ?? null);
        picker.value = "";
      });
      const drop = copy.querySelector("[data-drop]");
      drop.setAttribute("aria-label", `Leave the photo of ${this.user} out`);
      drop.addEventListener("click", () => {
        this.choose(null);
        this.field.focus();
      });
      this.field.addEventListener("paste", (event) => {
        const [file] = event.clipboardData.files;
        if (file) {
          event.preventDefault();
          this.choose(file);
        }
      });
      this.node.addEventListener("dragover", (event) => event.preventDefault());
      this.node.addEventListener("drop", (event) => {
        event.preventDefault();
        this.choose(event.dataTransfer.files[0] ?? null);
      });
    }

    async choose(file) {
      if (file && file.size > mostBytes) {
        this.bubble(`Not sent: ${file.name} has more than ${Math.floor(mostBytes / 1048576)} MB.`, "theirs failed");
        return;
      }
      this.photo = file;
      this.chosen.hidden = !file;
      if (file) {
        this.chosen.querySelector("span").textContent = file.name;
        this.field.focus();
        const canvas = this.chosen.querySelector("canvas");
        canvas.hidden = !(await draw(canvas, file, 64, 40));
      }
    }

    send() {
      const text = this.field.value;
      const { photo } = this;
      if (text.trim() || photo) {
        this.field.value = "";
        this.choose(null);
        this.say(text, photo);
      }
    }

    async say(text, photo = null) {
      const mine = this.bubble(text, "mine");
      const fields = { page: pageId, user: this.user, text };
      if (photo) {
        this.show(mine, photo, `Photo ${photo.name}`);
      }
      try {
        const answer = await fetch(photo ? "/chat/photo" : "/chat/say", {
          method: "POST",
          headers: { "x-csrf-token": csrf, accept: "application/json" },
          body: photo ? new Blob([JSON.stringify({ ...fields, name: photo.name }), "\n", photo]) : new URLSearchParams(fields),
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
        if (event.text.trim() || event.file) {
          const node = this.bubble(event.text, event.failed ? "theirs failed" : "theirs");
          if (event.file) {
            node.prepend(this.attached(event.file));
          }
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

    // A file of an answer: a picture is shown, a voice is played, anything else is there to be kept.
    attached(file) {
      const address = `/chat/file?${new URLSearchParams({ page: pageId, key: file.key })}`;
      const link = document.createElement("a");
      link.href = address;
      link.download = file.name;
      link.className = "file";
      link.textContent = `${file.name}, ${file.bytes < 1024 ? `${file.bytes} B` : `${Math.ceil(file.bytes / 1024)} kB`}`;
      const shown = { photo: "img", sticker: "img", voice: "audio" }[file.kind];
      if (!shown) {
        return link;
      }
      const node = document.createElement(shown);
      node.addEventListener("error", () => node.replaceWith(link));
      node.addEventListener("load", () => this.scroll());
      if (shown === "img") {
        node.alt = `${file.kind} ${file.name}`;
      } else {
        node.controls = true;
        node.setAttribute("aria-label", `${file.kind} ${file.name}`);
      }
      node.src = address;
      return node;
    }

    async show(node, file, name) {
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", name);
      if (await draw(canvas, file, 260, 200)) {
        node.prepend(canvas);
      } else {
        node.prepend(`${name} `);
      }
      this.scroll();
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

  // What a browser gives up on (a refusal, while the web or its store starts again) is tried anew. It then names no
  // event as its last one, and is told all that is kept: what was seen is left out here.
  const last = { epoch: "", number: 0 };
  const isNew = (id) => {
    const [epoch, number] = id.split("-");
    if (epoch === last.epoch && Number(number) <= last.number) {
      return false;
    }
    Object.assign(last, { epoch, number: Number(number) });
    return true;
  };
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
      if (!isNew(message.lastEventId)) {
        return;
      }
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
