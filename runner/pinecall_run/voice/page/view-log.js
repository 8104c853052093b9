// Shows the conversation itself: messages, tool calls and notes, in the order they came.

import { Answer } from "./answer.js";
import { complete, grow, settle } from "./bubble.js";
import { make } from "./dom.js";
import { SpokenLine } from "./view-line.js";
import { ToolRow } from "./view-tool.js";

const NEAR_END_PX = 48;

export class LogView {
  #log;
  #answer = new Answer();
  #bubbles = []; // by part of the answer; holes where a part has no text yet
  #tools = new Map();
  #lines = new WeakMap(); // what is spoken in a call, by its line
  #isAtEnd = true;
  #waiting = make("p", { className: "waiting", text: "waiting for the answer" });
  #awaited = 0; // how many messages have no answer yet
  #isOwed = null; // whether the answer under way is one to a message: a greeting is not; null before it starts

  constructor(element) {
    this.#log = element;
    this.#waiting.setAttribute("aria-hidden", "true");
    this.#log.addEventListener("scroll", () => (this.#isAtEnd = this.#endIsInView()));
    // A notice or a phone's keyboard takes room from the log: its end stays in view.
    new ResizeObserver(() => this.#isAtEnd && this.#toEnd()).observe(this.#log);
  }

  clear() {
    this.#awaited = 0;
    this.#forgetAnswer();
    this.#log.replaceChildren();
  }

  user(text) {
    this.#awaited += 1;
    this.#put(make("p", { text, data: { role: "user" } }));
    this.#toEnd(); // who writes wants to see it, wherever they had scrolled
  }

  piece(text) {
    this.#begin();
    const index = this.#answer.add(text);
    const shown = this.#answer.parts[index].trimStart();
    if (!shown) return;
    const bubble = this.#bubble(index);
    this.#follow(() => grow(bubble, shown));
  }

  answer(whole) {
    this.#begin();
    this.#follow(() => {
      this.#answer.settle(whole).forEach((text, index) => {
        if (text) complete(this.#bubble(index), text);
        else this.#bubbles[index]?.remove();
      });
      this.#nextAnswer();
    });
  }

  // A line of a call (captions.js), as far as it has come; one with no text has no place yet, or no longer.
  line(line) {
    const known = this.#lines.get(line);
    if (!line.text) {
      known?.element.remove();
      this.#lines.delete(line);
      return;
    }
    const spoken = known ?? new SpokenLine(line);
    this.#lines.set(line, spoken);
    this.#follow(() => spoken.update(line));
    if (!known) this.#put(spoken.element);
  }

  // A turn of a call has ended: of tools that still seem to run no result will be told.
  turn() {
    for (const row of this.#tools.values()) row.finish();
  }

  calls(calls) {
    this.#begin();
    this.#answer.pause();
    this.#bubbles.forEach((bubble) => settle(bubble, bubble.textContent.trimEnd()));
    for (const call of calls) {
      const row = new ToolRow(call);
      this.#tools.set(call.id, row);
      this.#put(row.element);
    }
  }

  results(results) {
    for (const { tool_call_id: id, name, result } of results) {
      if (!this.#tools.has(id)) this.calls([{ id, name }]);
      this.#follow(() => {
        this.#tools.get(id).result(result);
        this.#showWaiting();
      });
    }
  }

  // The answer under way stays as far as it came.
  trouble(text) {
    this.note(text, "trouble");
    this.#begin();
    this.#cut();
  }

  // The answer under way is not to come: it is made anew.
  retract() {
    this.#bubbles.forEach((bubble) => bubble.remove());
    for (const row of this.#tools.values()) row.finish();
    this.#forgetAnswer();
    this.#showWaiting();
  }

  note(text, kind = "info") {
    this.#put(make("p", { className: "note", text, data: { note: kind } }));
  }

  // Once is enough, however often it takes to connect again.
  divide(text) {
    const last = this.#log.lastElementChild;
    if (last && last.dataset.note !== "divide") this.note(text, "divide");
  }

  // The conversation is over, nothing more will come.
  stop() {
    this.#awaited = 0;
    this.#cut();
  }

  #cut() {
    this.#bubbles.forEach((bubble) => {
      settle(bubble, bubble.textContent.trimEnd());
      bubble.dataset.cut = "true";
    });
    this.#nextAnswer();
  }

  #begin() {
    this.#isOwed ??= this.#awaited > 0;
  }

  #nextAnswer() {
    for (const row of this.#tools.values()) row.finish();
    if (this.#isOwed && this.#awaited > 0) this.#awaited -= 1;
    this.#forgetAnswer();
    this.#showWaiting();
  }

  #forgetAnswer() {
    this.#answer = new Answer();
    this.#bubbles = [];
    this.#tools.clear();
    this.#isOwed = null;
  }

  #bubble(index) {
    if (!this.#bubbles[index]) {
      this.#bubbles[index] = make("p", { data: { role: "bot", done: "false" } });
      this.#put(this.#bubbles[index]);
    }
    return this.#bubbles[index];
  }

  #put(element) {
    this.#follow(() => {
      this.#log.append(element);
      this.#showWaiting();
    });
  }

  // Shown last, and only while an answer is owed of which nothing is to be seen yet.
  #showWaiting() {
    const isBusy = !this.#answer.isPaused || [...this.#tools.values()].some((row) => row.isRunning);
    if (this.#awaited > 0 && !isBusy) this.#log.append(this.#waiting);
    else this.#waiting.remove();
  }

  // Keeps the end in view for a reader who is at the end, and leaves one who scrolled back in peace.
  #follow(change) {
    const wasAtEnd = this.#endIsInView();
    change();
    if (wasAtEnd) this.#toEnd();
  }

  #endIsInView() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#isAtEnd = true;
  }
}
