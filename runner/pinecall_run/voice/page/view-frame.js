// Shows what stands around the conversation: the agent's name, the state of the connection, the notice.

import { setText, show } from "./dom.js";
import { aboutAgent } from "./view-agents.js";

const STATES = {
  chat: { connecting: "connecting", open: "connected", closed: "ended" },
  call: { connecting: "calling", live: "on a call", closed: "ended" },
};

export class FrameView {
  #element = (id) => document.querySelector(`#${id}`);

  constructor({ onRestart, onCall }) {
    this.#element("restart").addEventListener("click", onRestart);
    this.#element("call").addEventListener("click", onCall);
    this.#element("again").addEventListener("click", onCall);
  }

  place(callView) {
    this.#element("call-place").append(callView.element);
  }

  // On a narrow screen only one of the two is seen.
  face(view) {
    document.body.dataset.view = view;
  }

  backTo(href) {
    this.#element("back").setAttribute("href", href);
  }

  open(slug) {
    document.title = `${slug} - pinecall-run`;
    setText(this.#element("title"), slug);
    show(this.#element("welcome"), false);
    show(this.#element("conversation"), true);
  }

  welcome(text) {
    setText(this.#element("welcome"), text);
  }

  // `agent` is undefined when the list no longer has it: then what was known of it stays.
  agent(agent) {
    show(this.#element("absent"), !agent);
    if (!agent) return;
    setText(this.#element("about"), aboutAgent(agent));
    show(this.#element("scripted"), agent.scripted === true);
  }

  // `kind` is what the conversation is: "chat" or "call".
  state({ state, why, isFault }, kind) {
    const element = this.#element("state");
    const isCall = kind === "call";
    element.dataset.state = state;
    element.dataset.fault = isFault;
    this.#element("notice").dataset.fault = isFault;
    setText(element, isFault ? "not connected" : STATES[kind][state]);
    setText(this.#element("notice-text"), why ?? "");
    setText(this.#element("restart"), isCall ? "write instead" : "start again");
    this.#element("restart").classList.toggle("quiet", isCall);
    show(this.#element("again"), isCall);
    show(this.#element("keys-call"), isCall && state !== "closed");
    show(this.#element("notice"), state === "closed");
  }

  offerCall(isOffered) {
    show(this.#element("call"), isOffered);
  }

  focusAgain() {
    this.#element("again").focus();
  }
}
