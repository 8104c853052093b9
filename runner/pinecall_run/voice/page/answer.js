// One answer while it streams: its text in parts, because tool calls can stand between them.

export class Answer {
  parts = [];
  isPaused = true; // nothing is being said: before the first piece, and after a tool call

  // Returns the index of the part that grew.
  add(piece) {
    if (this.isPaused) this.parts.push("");
    this.isPaused = false;
    this.parts[this.parts.length - 1] += piece;
    return this.parts.length - 1;
  }

  // A tool call came: what is said next stands below it.
  pause() {
    this.isPaused = true;
  }

  // The whole answer replaces what was streamed. Parts that it repeats stay where they are; if it does not
  // repeat them, they become "" and the whole stands last. An empty whole leaves the parts alone.
  settle(whole) {
    const text = whole.trim();
    if (!text) return this.parts.map((part) => part.trim());
    if (this.isPaused) this.parts.push("");
    const earlier = this.parts.slice(0, -1).map((part) => part.trim());
    const last = this.parts.at(-1).trim();
    const rest = without(text, earlier);
    if (rest !== null) return [...earlier, rest];
    if (text === last) return [...earlier, text];
    return [...earlier.map(() => ""), text];
  }
}

function without(text, openings) {
  let rest = text;
  for (const opening of openings) {
    if (!rest.startsWith(opening)) return null;
    rest = rest.slice(opening.length).trimStart();
  }
  return rest;
}
