// What one message looks like while it grows and when it is whole.

import { make } from "./dom.js";

// Hidden from screen readers until it is whole: they would speak every piece.
export function grow(bubble, text) {
  const span = make("span", { className: "streaming", text });
  span.setAttribute("aria-hidden", "true");
  bubble.replaceChildren(span);
}

// A new element, not a new text: only additions are spoken, and each only once.
export function settle(bubble, text) {
  if (bubble.querySelector(".settled")?.textContent === text) return;
  bubble.replaceChildren(make("span", { className: "settled", text }));
}

export function complete(bubble, text) {
  settle(bubble, text);
  bubble.dataset.done = "true";
}
