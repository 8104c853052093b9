// One conversation on the wire: opens the socket, sends what the user writes, tells what the server says.

import { listed, worded } from "./parse.js";
import { reconcile } from "./thread.js";

// How long to wait before each try to connect again; a random part of it, so that not all pages come at once.
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000];

// `state` goes connecting -> open -> closed, and back to connecting when the connection breaks: the session then goes
// on by its thread. Once closed it is over: to go on, make a new session.
// Events, all CustomEvent: "state" {state, why, isFault}; "piece" {text}; "answer" {text}; "calls" {calls};
// "results" {results}; "trouble" {text}; "resumed" {isKnown}: whether the agent remembers what was said. `why` is a
// sentence, or null when we closed it ourselves; `isFault` tells a conversation that broke from one that came to its
// end.
export class ChatSession extends EventTarget {
  state = "connecting";
  id = null;
  #getToken = null;
  #socket = null;
  #stop = new AbortController();
  #thread = null;
  #asked = null; // the thread that this connection was to go on with
  #tries = 0;
  #unsent = [];
  #sent = []; // and not answered yet
  #trouble = null;

  // `getToken(signal)` gives a fresh token or throws an Error whose message is a sentence.
  async start(getToken) {
    this.#getToken = getToken;
    await this.#connect();
  }

  async #connect() {
    let token;
    try {
      token = await this.#getToken(this.#stop.signal);
    } catch (error) {
      this.#lose(error.message);
      return;
    }
    if (this.state === "closed") return;
    const socket = new WebSocket(socketAddress(token, this.#thread));
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", (event) => {
      if (event.code === 1000) this.#end(this.#whyClosed(event), { isFault: this.state === "connecting" });
      else this.#lose(this.#whyClosed(event));
    });
    this.#socket = socket;
  }

  // The connection is lost, or there is none. Only what has once been open is tried again.
  #lose(why) {
    if (this.state === "closed") return;
    if (this.#thread === null || this.#tries >= PAUSES_MS.length) {
      this.#end(why, { isFault: true });
      return;
    }
    if (this.state === "open") this.#become("connecting");
    const timer = setTimeout(() => this.#connect(), PAUSES_MS[this.#tries] * (0.5 + Math.random() / 2));
    this.#stop.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    this.#tries += 1;
  }

  // False when the conversation is over. What is said while connecting goes out once connected.
  send(text) {
    if (this.state === "closed") return false;
    if (this.state === "connecting") this.#unsent.push(text);
    else this.#write(text);
    return true;
  }

  close() {
    this.#end(null);
  }

  #write(text) {
    this.#sent.push(text);
    this.#socket.send(JSON.stringify({ event: "message", text }));
  }

  #receive(data) {
    if (this.state === "closed") return;
    const frame = parsed(data);
    switch (frame?.event) {
      case "chat.connected":
        this.id = frame.session_id ?? null;
        if (this.#thread === null) this.#open();
        this.#asked = this.#thread;
        this.#thread = typeof frame.thread === "string" ? frame.thread : null;
        break;
      case "chat.history": // only where we asked for a thread: all that the page shows is from this session
        if (this.state === "connecting") this.#resume(listed(frame.messages));
        break;
      case "chat.token":
        this.#tell("piece", { text: worded(frame.token ?? frame.text) });
        break;
      case "chat.done":
        if (frame.unsolicited !== true) this.#sent.shift();
        this.#tell("answer", { text: worded(frame.text) });
        break;
      case "chat.tool_call":
        this.#tell("calls", { calls: listed(frame.tool_calls) });
        break;
      case "chat.tool_result":
        this.#tell("results", { results: listed(frame.results) });
        break;
      case "chat.error":
      case "error":
        if (this.state === "open") this.#sent.shift();
        this.#trouble = worded(frame.error) || "the server reports an error";
        if (this.state === "open" || this.#thread === null) this.#tell("trouble", { text: this.#trouble });
        break;
      case "chat.ended":
        this.#end(frame.reason ? `the conversation has ended: ${worded(frame.reason)}` : "the conversation has ended");
        break;
      default: // an event of a newer server
    }
  }

  #open() {
    this.#tries = 0;
    this.#become("open");
    this.#unsent.splice(0).forEach((text) => this.#write(text));
  }

  #resume(messages) {
    const { answers, owed, lost } = reconcile(this.#sent, messages);
    this.#sent = owed;
    this.#tell("resumed", { isKnown: this.#thread === this.#asked });
    answers.forEach((text) => this.#tell("answer", { text }));
    this.#unsent.unshift(...lost);
    this.#open();
  }

  #whyClosed({ code, reason }) {
    if (this.#thread === null) return `the server did not open the conversation${because(reason || this.#trouble)}`;
    if (code === 1000) return `the server closed the conversation${because(reason)}`;
    return `the connection to the server is lost${because(reason)}`;
  }

  #end(why, { isFault = false } = {}) {
    if (this.state === "closed") return;
    this.#become("closed", why, isFault);
    this.#stop.abort();
    this.#socket?.close();
  }

  #become(state, why = null, isFault = false) {
    this.state = state;
    this.#tell("state", { state, why, isFault });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function socketAddress(token, thread) {
  const address = new URL("../chat/ws", import.meta.url);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.hash = "";
  address.search = new URLSearchParams(thread === null ? { token } : { token, thread }).toString();
  return address;
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

const because = (reason) => (reason ? `: ${reason}` : "");
