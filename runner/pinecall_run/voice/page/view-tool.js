// One row of the conversation for one tool call: its name, its arguments, and later its result.

import { make } from "./dom.js";
import { inFull, isLong, oneLine, shortened, valueOf } from "./format.js";

export class ToolRow {
  #state = make("span", { className: "running", text: "running" });
  #summary = make("summary");
  #inside = make("div", { className: "inside" });
  #details = make("details", {}, this.#summary, this.#inside);

  constructor({ name, arguments: given }) {
    const value = valueOf(given ?? "");
    const line = oneLine(value);
    const call = make("p", { className: "call" }, make("code", { className: "name", text: name ?? "tool" }));
    if (line && line !== "{}") call.append(" ", make("code", { className: "arguments", text: shortened(line) }));
    call.append(" ", this.#state);
    this.element = make("div", { data: { role: "tool", tool: name ?? "", state: "running" } }, call);
    if (isLong(line)) this.#put("arguments", "", value);
  }

  result(given) {
    this.finish();
    const value = valueOf(given ?? "");
    this.#put("result", shortened(oneLine(value)) || "nothing", value);
  }

  get isRunning() {
    return this.element.dataset.state === "running";
  }

  // Results are not sent to everybody, so a call can end without one.
  finish() {
    this.element.dataset.state = "done";
    this.#state.remove();
  }

  #put(title, preview, value) {
    this.#summary.replaceChildren(make("span", { text: title }));
    if (preview) this.#summary.append(" ", make("code", { className: "preview", text: preview }));
    if (this.#inside.childElementCount || title === "arguments") this.#inside.append(make("p", { text: title }));
    this.#inside.append(make("pre", { text: inFull(value), data: { part: title } }));
    this.element.append(this.#details);
  }
}
