// The bar of a call: its time, who speaks and how loud, mute and hang up.

import { make, setText, show } from "./dom.js";
import { clock } from "./format.js";

const SIDES = { user: "you", bot: "agent" };
const TEXT_FIELDS = "input, textarea, select, [contenteditable]";

export class CallView {
  #session = null;
  #status = make("p", { className: "status" }); // said to everybody
  #speaker = make("p", { className: "speaker" }); // only seen: who listens hears who speaks
  #time = make("p", { className: "time" });
  #meters = Object.fromEntries(Object.entries(SIDES).map(([side, name]) => [side, meter(side, name)]));
  #mute = make("button", { className: "quiet mute", text: "mute" });
  #hangUp = make("button", { className: "hang-up", text: "hang up" });
  #notes = {}; // what #status can say, by kind

  constructor() {
    const meters = make("div", { className: "meters" }, this.#meters.user, this.#meters.bot);
    for (const seen of [this.#speaker, meters]) seen.setAttribute("aria-hidden", "true");
    this.#status.setAttribute("role", "status");
    this.#time.setAttribute("role", "timer");
    this.#mute.type = this.#hangUp.type = "button";
    this.#mute.setAttribute("aria-keyshortcuts", "M");
    this.#mute.addEventListener("click", () => this.#toggle());
    this.#hangUp.addEventListener("click", () => this.#session?.hangUp());
    const words = make("div", { className: "words" }, this.#status, this.#speaker);
    const bar = make("div", { className: "call-bar" }, words, this.#time, meters, this.#mute, this.#hangUp);
    this.element = make("div", { className: "call-place" }, bar);
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", "call");
    this.element.hidden = true;
  }

  get hasFocus() {
    return this.element.contains(this.element.getRootNode().activeElement);
  }

  // M mutes while the focus is in `root`, but not in a field for text.
  listenForKeys(root) {
    root.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "m" || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
      if (!event.composedPath()[0].closest?.(TEXT_FIELDS)) this.#toggle();
    });
  }

  // Shows a call from its beginning to its end. The focus goes to "mute", where no key hangs up.
  attach(session) {
    this.#session = session;
    this.#notes = { step: "calling" };
    const on = (type, hear) => session.addEventListener(type, ({ detail }) => this.#session === session && hear(detail));
    on("state", ({ state }) => this.#become(state));
    on("step", ({ text }) => this.#note("step", text));
    on("muted", ({ isMuted }) => this.#showMuted(isMuted));
    on("warning", ({ seconds }) => this.#note("warning", seconds && `the call ends in ${Math.ceil(seconds)} s if you do not speak`));
    on("shaky", ({ isShaky }) => this.#note("shaky", isShaky && "the connection is interrupted; waiting for it"));
    on("speakers", (speakers) => this.#showSpeakers(speakers));
    this.#showMuted(false);
    this.#showSpeakers({});
    this.#draw();
    show(this.element, true);
    this.#mute.focus();
  }

  #become(state) {
    if (state === "live") {
      this.#note("step", null);
      this.#showSpeakers({});
    }
    if (state !== "closed") return;
    this.#session = null;
    show(this.element, false);
  }

  #toggle() {
    this.#session?.mute(!this.#session.isMuted);
  }

  #showMuted(isMuted) {
    this.#mute.setAttribute("aria-pressed", String(isMuted));
    this.#note("muted", isMuted && "muted: the agent does not hear you");
  }

  #showSpeakers({ isUser = false, isBot = false, isThinking = false }) {
    this.#meters.user.dataset.speaking = isUser;
    this.#meters.bot.dataset.speaking = isBot;
    const who = (isUser && "you are speaking") || (isBot && "the agent is speaking") || (isThinking && "the agent is thinking");
    setText(this.#speaker, who || "the agent is listening");
  }

  // The most pressing note is the one that is shown.
  #note(kind, text) {
    this.#notes[kind] = text || "";
    const { step, shaky, warning, muted } = this.#notes;
    const shown = step || shaky || warning || muted || "";
    setText(this.#status, shown);
    show(this.#speaker, !shown);
  }

  #draw() {
    if (!this.#session) return;
    const { startedAt } = this.#session;
    setText(this.#time, startedAt === null ? "" : clock((performance.now() - startedAt) / 1000));
    for (const [side, element] of Object.entries(this.#meters)) {
      element.style.setProperty("--level", this.#session.level(side).toFixed(2));
    }
    requestAnimationFrame(() => this.#draw());
  }
}

function meter(side, name) {
  return make("span", { className: "meter", text: name, data: { side } }, make("span", { className: "bar" }));
}
