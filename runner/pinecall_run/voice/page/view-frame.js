// Shows what stands around the conversation: the agent's name, the state of the connection, the notice.

import { setText, show } from "./dom.js";
import { aboutAgent } from "./view-agents.js";

const STATES = { connecting: "connecting", open: "connected", closed: "ended" };

export class FrameView {
  #element = (id) => document.querySelector(`#${id}`);

  constructor({ onRestart }) {
    this.#element("restart").addEventListener("click", onRestart);
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

  state({ state, why, isFault }) {
    const element = this.#element("state");
    element.dataset.state = state;
    element.dataset.fault = isFault;
    this.#element("notice").dataset.fault = isFault;
    setText(element, isFault ? "not connected" : STATES[state]);
    setText(this.#element("notice-text"), why ?? "");
    show(this.#element("notice"), state === "closed");
  }
}
