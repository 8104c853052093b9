// A call in somebody else's page: a floating button, and a panel with captions, in a shadow root.

import { CallSession } from "./call.js";
import { make, setText, show } from "./dom.js";
import { clock } from "./format.js";
import { ApiError, ask } from "./http.js";
import { CallView } from "./view-call.js";
import { LogView } from "./view-log.js";

const STYLES = ["base.css", "log.css", "call.css", "widget.css"];

export class Widget {
  element = make("pinecall-call");
  #agent;
  #tokenUrl;
  #label;
  #session = null;
  #panel = make("section", { className: "panel" });
  #opener = button("opener");
  #closer = button("quiet closer");
  #again = button("again", "call again");
  #end = make("p", { className: "end" });
  #bar = new CallView();
  #log;

  // What the script tag says, see docs/channels/widget.md.
  constructor({ agent, tokenUrl, label }) {
    this.#agent = agent;
    this.#tokenUrl = tokenUrl;
    this.#label = label || `call ${agent}`;
    this.#build();
    this.#opener.addEventListener("click", () => this.#open());
    this.#closer.addEventListener("click", () => this.#close());
    this.#again.addEventListener("click", () => this.#call());
    this.#bar.listenForKeys(this.#panel);
    this.#showButtons();
  }

  #build() {
    const log = make("div", { className: "log" });
    const attributes = { role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": "captions", tabindex: "0" };
    for (const [name, value] of Object.entries(attributes)) log.setAttribute(name, value);
    this.#log = new LogView(log);
    this.#end.setAttribute("role", "status");
    const heading = make("header", {}, make("h2", { text: this.#label }), this.#closer);
    const footer = make("footer", {}, this.#end, this.#bar.element, this.#again);
    this.#panel.append(heading, log, footer);
    this.#panel.setAttribute("aria-label", this.#label);
    this.#panel.hidden = true;
    this.element.attachShadow({ mode: "open" }).append(...this.#styles(), this.#opener, this.#panel);
  }

  // Nothing is seen before it looks as it should.
  #styles() {
    this.element.hidden = true;
    const links = STYLES.map((name) => Object.assign(make("link"), { rel: "stylesheet", href: new URL(name, import.meta.url) }));
    const arrived = links.map((link) => new Promise((done) => {
      link.addEventListener("load", done);
      link.addEventListener("error", done);
    }));
    Promise.all(arrived).then(() => show(this.element, true));
    return links;
  }

  get #isOnCall() {
    return this.#session !== null && this.#session.state !== "closed";
  }

  #open() {
    show(this.#panel, true);
    if (!this.#isOnCall) this.#call();
    this.#showButtons();
  }

  // The call goes on behind a closed panel.
  #close() {
    show(this.#panel, false);
    this.#showButtons();
    this.#opener.focus();
  }

  #call() {
    const mine = new CallSession();
    this.#session = mine;
    const on = (type, hear) => mine.addEventListener(type, ({ detail }) => hear(detail));
    on("state", (change) => this.#become(change));
    on("line", ({ line }) => this.#log.line(line));
    on("turn", () => this.#log.turn());
    on("calls", ({ calls }) => this.#log.calls(calls));
    on("results", ({ results }) => this.#log.results(results));
    on("trouble", ({ text }) => this.#log.trouble(text));
    on("frame", ({ frame }) => this.#announce("event", { event: frame }));
    this.#log.clear();
    setText(this.#end, "");
    this.#bar.attach(mine);
    this.#showButtons();
    this.#announce("call", { session: mine });
    mine.start((signal) => this.#token(signal));
  }

  #become({ state, why, isFault, seconds }) {
    if (state !== "closed") return;
    const hadFocus = this.#bar.hasFocus;
    this.#log.stop();
    setText(this.#end, seconds === null ? why : `${why}; the call took ${clock(seconds)}`);
    this.#end.dataset.fault = isFault;
    this.#showButtons();
    if (hadFocus) this.#again.focus();
    this.#announce("ended", { why, isFault, seconds });
  }

  #showButtons() {
    setText(this.#opener, this.#isOnCall ? "back to the call" : this.#label);
    setText(this.#closer, this.#isOnCall ? "hide" : "close");
    show(this.#opener, this.#panel.hidden);
    show(this.#again, !this.#isOnCall);
    show(this.#end, !this.#isOnCall);
  }

  async #token(signal) {
    const token = await this.#provided(signal);
    if (typeof token !== "string" || !token) throw new ApiError("no token for the call came: the page's token provider gave none");
    return token;
  }

  async #provided(signal) {
    if (!this.#tokenUrl && typeof window.pinecallToken === "function") return window.pinecallToken(this.#agent);
    if (this.#tokenUrl) return (await ask(new URL(this.#tokenUrl, document.baseURI), { signal }))?.token;
    const query = new URLSearchParams({ agent_id: this.#agent });
    try {
      return (await ask(new URL(`../webrtc/token?${query}`, import.meta.url), { signal }))?.token;
    } catch (error) {
      // It answered a moment ago, to whatever page: what it keeps from this one, the browser does not let us read.
      throw error.status === null ? new ApiError(`this page may not call ${this.#agent}: ${location.origin} is not among its allowed_origins`) : error;
    }
  }

  #announce(name, detail) {
    this.element.dispatchEvent(new CustomEvent(`pinecall:${name}`, { detail: { agent: this.#agent, ...detail }, bubbles: true }));
  }
}

function button(className, text = "") {
  return Object.assign(make("button", { className, text }), { type: "button" });
}
