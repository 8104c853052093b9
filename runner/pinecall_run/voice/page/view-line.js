// One utterance of a call in the conversation: what is said, and how long the answer took.

import { complete, grow } from "./bubble.js";
import { make } from "./dom.js";
import { secondsOf } from "./format.js";

const STAGES = {
  transcript_ms: "words written down",
  first_token_ms: "first word of the model",
  first_audio_ms: "first sound ready",
  heard_ms: "heard",
};

export class SpokenLine {
  #bubble;
  #timing = null;

  constructor({ side }) {
    this.#bubble = make("p", { data: { role: side, done: "false" } });
    this.element = make("div", { className: "spoken" }, this.#bubble);
  }

  // `line` is one of captions.js.
  update({ text, isDone, isCut, timing }) {
    if (isDone) complete(this.#bubble, text);
    else grow(this.#bubble, text);
    if (isCut) this.#bubble.dataset.cut = "true";
    if (timing) this.#time(timing);
  }

  #time(timing) {
    const stages = Object.entries(STAGES).filter(([stage]) => Number.isFinite(timing[stage]));
    const whole = timing.heard_ms ?? timing.first_audio_ms;
    if (!Number.isFinite(whole)) return;
    if (!this.#timing) {
      this.#timing = make("details", { className: "timing" });
      this.#timing.setAttribute("aria-live", "off");
      this.element.append(this.#timing);
    }
    const rows = stages.map(([stage, name]) => make("li", { text: `${secondsOf(timing[stage])} ${name}` }));
    this.#timing.replaceChildren(
      make("summary", { text: `${secondsOf(whole)} to answer` }),
      make("p", { text: "after the end of your words:" }),
      make("ul", {}, ...rows),
    );
  }
}
