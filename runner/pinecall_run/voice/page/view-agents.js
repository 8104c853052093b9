// Shows the list of agents, changing only what changed so that the focus stays where it is.

import { make, setText, show } from "./dom.js";
import { channelLine } from "./format.js";

export class AgentsView {
  #list = document.querySelector("#agents");
  #note = document.querySelector("#agents-note");
  #rows = new Map();
  #link;

  // `link(slug)` is the address that chooses the agent; `onAgain` hears a click on the open one.
  constructor({ link, onAgain }) {
    this.#list.addEventListener("click", (event) => {
      const chosen = event.target.closest("[aria-current]");
      if (chosen && chosen.hash === window.location.hash) onAgain();
    });
    this.#link = link;
  }

  update(agents, open) {
    const gone = new Set(this.#rows.keys());
    agents.forEach((agent, index) => {
      gone.delete(agent.slug);
      const row = this.#rows.get(agent.slug) ?? this.#add(agent.slug);
      row.update(agent, { href: this.#link(agent.slug), isOpen: agent.slug === open });
      if (this.#list.children[index] !== row.item) this.#list.insertBefore(row.item, this.#list.children[index] ?? null);
    });
    for (const slug of gone) {
      this.#rows.get(slug).item.remove();
      this.#rows.delete(slug);
    }
  }

  note(text) {
    setText(this.#note, text);
    show(this.#note, Boolean(text));
  }

  #add(slug) {
    const row = new AgentRow(slug);
    this.#rows.set(slug, row);
    return row;
  }
}

class AgentRow {
  #link;
  #active = make("span", { className: "active" });
  #model = make("span", { className: "model" });
  #channels = make("ul", { className: "channels" });

  constructor(slug) {
    const name = make("span", { className: "name", text: slug });
    const top = make("span", { className: "top" }, name, this.#active);
    this.#link = make("a", { data: { agent: slug } }, top, this.#model, this.#channels);
    this.item = make("li", {}, this.#link);
  }

  update(agent, { href, isOpen }) {
    if (this.#link.getAttribute("href") !== href) this.#link.setAttribute("href", href);
    if (isOpen) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
    setText(this.#active, agent.active > 0 ? `${agent.active} active` : "");
    setText(this.#model, aboutAgent(agent));
    this.#setChannels(Object.entries(agent.channels ?? {}).map(([kind, channel]) => channelLine(kind, channel)));
  }

  #setChannels(lines) {
    const shown = [...this.#channels.children].map((item) => item.textContent);
    if (shown.join("\n") === lines.join("\n")) return;
    this.#channels.replaceChildren(...lines.map((text) => make("li", { text })));
  }
}

export function aboutAgent(agent) {
  return [agent.language, agent.scripted ? "scripted" : agent.model].filter(Boolean).join(", ");
}
