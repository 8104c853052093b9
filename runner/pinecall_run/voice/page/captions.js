// What is said in a call, put together from its events. Knows no page, no clock and no network.

// A line is one utterance: {side: "user" or "bot", text, isDone, isCut, timing}. It is the same object for as long
// as it grows. A bot's text is what was heard of it, until it is done; a text of "" is not to be shown. `timing` is
// null or milliseconds from the end of the caller's speech by stage, as `turn.metrics` has them.
export class Captions {
  isUserSpeaking = false;
  isBotSpeaking = false;
  isThinking = false;
  #interim = null; // the caller's line under way
  #interimTurn = null;
  #last = null; // the line that stands last
  #users = new Map(); // lines by message id
  #bots = new Map(); // {line, words, whole} by message id, in the order they began
  #typed = []; // lines whose echo has not come
  #timings = new Map(); // of answers that have not begun

  // Takes an event and returns the lines that changed.
  apply(frame) {
    switch (frame.event) {
      case "speech.started":
        this.isUserSpeaking = true;
        this.isThinking = false;
        return this.#interim === this.#last ? [] : this.#settleInterim();
      case "speech.ended":
        this.isUserSpeaking = false;
        return [];
      case "turn.end":
        this.isUserSpeaking = false;
        this.isThinking = !this.isBotSpeaking;
        return [];
      case "turn.resumed":
      case "turn.continued":
      case "llm.error":
        this.isThinking = false;
        return [];
      case "user.speaking":
        return this.#hearing(frame);
      case "user.message":
        return this.#heard(frame);
      case "bot.speaking":
        return this.#beginBot(frame);
      case "bot.word":
        return this.#word(frame);
      case "bot.finished":
        return this.#finish(frame);
      case "bot.interrupted":
      case "message.aborted":
        return this.#cut(frame);
      case "message.confirmed":
        return this.#confirm(frame);
      case "turn.metrics":
        return this.#time(frame);
      default: // not for captions
        return [];
    }
  }

  // What the caller writes during the call. The server says it back; then it is not shown again.
  type(text) {
    const line = this.#add("user");
    Object.assign(line, { text, isDone: true });
    this.#typed.push(line);
    return [line];
  }

  // The call is over: what is under way stays as far as it came.
  end() {
    this.isUserSpeaking = this.isBotSpeaking = this.isThinking = false;
    const open = [...this.#bots.values()].map(({ line }) => line).filter((line) => !line.isDone);
    return [...this.#settleInterim(), ...open.map(cutOff)];
  }

  #hearing({ text, turn_id: turn = null }) {
    const earlier = turn === this.#interimTurn ? [] : this.#settleInterim();
    this.#interim ??= this.#add("user");
    this.#interimTurn = turn;
    this.#interim.text = worded(text);
    return [...earlier, this.#interim];
  }

  // A server may send a message again, longer, under the same id.
  #heard({ text, message_id: id }) {
    const said = worded(text);
    const line = this.#users.get(id) ?? this.#takeEcho(said) ?? this.#interim ?? this.#add("user");
    if (line === this.#interim) this.#interim = null;
    if (id) this.#users.set(id, line);
    Object.assign(line, { text: said, isDone: true });
    return [line];
  }

  #takeEcho(text) {
    const index = this.#typed.findIndex((line) => line.text === text);
    return index < 0 ? null : this.#typed.splice(index, 1)[0];
  }

  // A line that no message followed: a "yes" in between, say.
  #settleInterim() {
    const line = this.#interim;
    this.#interim = null;
    if (!line) return [];
    line.isDone = true;
    return [line];
  }

  #beginBot({ message_id: id, text }) {
    this.isBotSpeaking = true;
    this.isThinking = false;
    const bot = this.#bot(id);
    bot.whole = worded(text);
    return [];
  }

  #bot(id) {
    if (!this.#bots.has(id)) {
      const line = this.#add("bot");
      line.timing = this.#timings.get(id) ?? null;
      this.#timings.delete(id);
      this.#bots.set(id, { line, words: [], whole: "" });
    }
    return this.#bots.get(id);
  }

  #word({ message_id: id, word, word_index: index }) {
    const { line, words } = this.#bot(id);
    if (line.isDone) return [];
    words[Number.isInteger(index) && index >= 0 ? index : words.length] = worded(word);
    line.text = joined(words);
    return [line];
  }

  #finish({ message_id: id, text }) {
    this.isBotSpeaking = false;
    const bot = this.#bots.get(id);
    if (!bot || bot.line.isDone) return [];
    Object.assign(bot.line, { text: worded(text) || bot.whole || bot.line.text, isDone: true });
    return [bot.line];
  }

  // `words_spoken` is the server's word for what was heard; the words that came may run a little ahead of it.
  #cut({ message_id: id, words_spoken: count }) {
    this.isBotSpeaking = false;
    const bot = this.#bots.get(id);
    if (!bot || bot.line.isDone) return [];
    if (Number.isInteger(count)) bot.line.text = joined(bot.words.slice(0, count));
    return [cutOff(bot.line)];
  }

  // The text for the model's history: of a line that was cut it is what was heard, else the whole.
  #confirm({ message_id: id, text }) {
    const bot = this.#bots.get(id);
    const confirmed = worded(text);
    if (!bot || !confirmed) return [];
    bot.whole = confirmed;
    if (!bot.line.isDone || bot.line.text === confirmed) return [];
    bot.line.text = confirmed;
    return [bot.line];
  }

  #time({ event, turn_id, message_id: id, ...stages }) {
    const bot = id ? this.#bots.get(id) : [...this.#bots.values()].at(-1);
    if (!bot) {
      if (id) this.#timings.set(id, stages);
      return [];
    }
    bot.line.timing = { ...bot.line.timing, ...stages };
    return [bot.line];
  }

  #add(side) {
    this.#last = { side, text: "", isDone: false, isCut: false, timing: null };
    return this.#last;
  }
}

function cutOff(line) {
  return Object.assign(line, { isDone: true, isCut: true });
}

// Words can be missing: the array then has holes.
const joined = (words) => words.filter(Boolean).join(" ").replace(/\s+/g, " ").trim();
const worded = (value) => (typeof value === "string" ? value.trim() : "");
