// One conversation on the wire: opens the socket, sends what the user writes, tells what the server says.

import { listed, worded } from "./parse.js";

// `state` goes connecting -> open -> closed, never back: to go on, make a new session.
// Events, all CustomEvent: "state" {state, why, isFault}; "piece" {text}; "answer" {text}; "calls" {calls};
// "results" {results}; "trouble" {text}. `why` is a sentence, or null when we closed it ourselves; `isFault`
// tells a conversation that broke from one that came to its end.
export class ChatSession extends EventTarget {
  state = "connecting";
  id = null;
  #socket = null;
  #stop = new AbortController();
  #unsent = [];
  #trouble = null;

  // `getToken(signal)` gives a fresh token or throws an Error whose message is a sentence.
  async start(getToken) {
    let token;
    try {
      token = await getToken(this.#stop.signal);
    } catch (error) {
      this.#end(error.message, { isFault: true });
      return;
    }
    if (this.state === "closed") return;
    const socket = new WebSocket(socketAddress(token));
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", (event) => {
      const isFault = this.state === "connecting" || event.code !== 1000;
      this.#end(this.#whyClosed(event), { isFault });
    });
    this.#socket = socket;
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
    this.#socket.send(JSON.stringify({ event: "message", text }));
  }

  #receive(data) {
    if (this.state === "closed") return;
    const frame = parsed(data);
    switch (frame?.event) {
      case "chat.connected":
        this.id = frame.session_id ?? null;
        this.#become("open");
        this.#unsent.splice(0).forEach((text) => this.#write(text));
        break;
      case "chat.token":
        this.#tell("piece", { text: worded(frame.token ?? frame.text) });
        break;
      case "chat.done":
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
        this.#trouble = worded(frame.error) || "the server reports an error";
        this.#tell("trouble", { text: this.#trouble });
        break;
      case "chat.ended":
        this.#end(frame.reason ? `the conversation has ended: ${worded(frame.reason)}` : "the conversation has ended");
        break;
      default: // an event of a newer server
    }
  }

  #whyClosed({ code, reason }) {
    if (this.state === "connecting") return `the server did not open the conversation${because(reason || this.#trouble)}`;
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

function socketAddress(token) {
  const address = new URL("../chat/ws", import.meta.url);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.hash = "";
  address.search = new URLSearchParams({ token }).toString();
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
