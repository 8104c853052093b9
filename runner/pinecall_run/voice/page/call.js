// One call: opens the line, sends what the caller does, tells what happens on it.

import { Captions } from "./captions.js";
import { Levels } from "./levels.js";
import { listed, worded } from "./parse.js";
import { Loudspeaker, openMicrophone } from "./sound.js";
import { Peer, iceServers } from "./webrtc.js";

const ENDINGS = {
  hangup: "the agent hung up",
  bot_hangup: "the agent hung up",
  client_hangup: "you hung up",
  idle_timeout: "the call ended because nobody spoke",
  max_duration: "the call reached the longest time that it may take",
  timeout: "the call took too long",
  forwarded: "the call was passed on",
  server_stopped: "the server was stopped",
  agent_removed: "the agent was taken off the server",
};
const LOST = "the connection to the server is lost: check the network and call again";
const REFUSALS = {
  404: "the agent is not there now: try again in a moment",
  501: "this server carries no sound: write instead, or pip install 'pinecall-run[voice,local]' and start it again",
};

// `state` goes connecting -> live -> closed, never back: to call again, make a new session.
// Events, all CustomEvent: "state" {state, why, isFault, seconds}, as ChatSession has it; "step" {text}, what a call
// that connects waits for; "line" {line}, see captions.js; "turn" {}, the caller's turn has ended; "calls" {calls};
// "results" {results}; "trouble" {text}; "speakers" {isUser, isBot, isThinking}; "muted" {isMuted}; "warning"
// {seconds}, until the call ends if nobody speaks, or null; "shaky" {isShaky}; "frame" {frame}, each as it came.
export class CallSession extends EventTarget {
  state = "connecting";
  isMuted = false;
  startedAt = null; // by performance.now(), once live
  #stop = new AbortController();
  #captions = new Captions();
  #levels = null;
  #loudspeaker = new Loudspeaker();
  #microphone = null;
  #peer = null;
  #unsent = [];
  #timeout = null; // why the server is about to end the call
  #speakers = "";

  // `getToken(signal)` as ChatSession has it; `offer` may hold config and metadata for the server.
  async start(getToken, offer = {}) {
    try {
      await this.#connect(getToken, offer);
    } catch (error) {
      this.#end(REFUSALS[error.status] ?? error.message, { isFault: true });
      return;
    }
    if (this.state === "closed") return;
    this.startedAt = performance.now();
    this.#become("live");
    for (const action of this.#unsent.splice(0)) this.#peer.send(action);
  }

  // False when the call is over. What is written while connecting goes out once connected.
  send(text) {
    if (this.state === "closed") return false;
    this.#showLines(this.#captions.type(text));
    this.act("inject_text", { text });
    return true;
  }

  // A muted microphone sends silence, whatever the server makes of the action.
  mute(isMuted) {
    if (this.state === "closed" || isMuted === this.isMuted) return;
    this.isMuted = isMuted;
    this.#silence();
    this.act(isMuted ? "mute" : "unmute");
    this.#tell("muted", { isMuted });
  }

  // Any action of the data channel (docs/channels/widget.md): "set_context" with {key, value}, say.
  act(action, fields = {}) {
    const whole = { ...fields, action };
    if (this.state === "live") this.#peer.send(whole);
    else if (this.state === "connecting") this.#unsent.push(whole);
  }

  // From 0 to 1, of "user" or "bot".
  level(side) {
    return this.#levels?.read(side) ?? 0;
  }

  hangUp() {
    this.#end("you hung up");
  }

  close() {
    this.#end(null);
  }

  async #connect(getToken, offer) {
    const signal = this.#stop.signal;
    this.#tell("step", { text: "calling" });
    const servers = await iceServers(signal);
    this.#tell("step", { text: "allow the microphone if the browser asks for it" });
    await this.#listen();
    this.#tell("step", { text: "calling" });
    const token = await getToken(signal); // after the microphone: it does not live for long
    signal.throwIfAborted();
    this.#peer = new Peer({ iceServers: servers, microphone: this.#microphone });
    this.#peer.addEventListener("sound", ({ detail }) => this.#play(detail.stream));
    this.#peer.addEventListener("frame", ({ detail }) => this.#receive(detail.frame));
    this.#peer.addEventListener("shaky", ({ detail }) => this.#tell("shaky", detail));
    this.#peer.addEventListener("lost", () => this.state === "live" && this.#lose());
    await this.#peer.open({ token, ...offer }, signal);
  }

  async #listen() {
    const microphone = await openMicrophone();
    if (this.state === "closed") { // hung up while the browser asked
      release(microphone);
      this.#stop.signal.throwIfAborted();
    }
    this.#microphone = microphone;
    this.#silence();
    this.#levels = new Levels();
    this.#levels.add("user", microphone);
    for (const track of microphone.getTracks()) {
      track.addEventListener("ended", () => this.#complain("the microphone is gone: connect it and call again"));
    }
  }

  #silence() {
    for (const track of this.#microphone?.getTracks() ?? []) track.enabled = !this.isMuted;
  }

  #play(stream) {
    this.#levels.add("bot", stream);
    this.#loudspeaker.play(stream).catch((error) => this.#complain(error.message));
  }

  #receive(frame) {
    if (this.state === "closed") return;
    this.#tell("frame", { frame });
    this.#showLines(this.#captions.apply(frame));
    this.#showSpeakers();
    switch (frame.event) {
      case "turn.end":
        this.#tell("turn", {});
        break;
      case "speech.started":
      case "user.message":
        this.#tell("warning", { seconds: null });
        break;
      case "llm.tool_call":
        this.#tell("calls", { calls: listed(frame.tool_calls) });
        break;
      case "llm.tool_result":
        this.#tell("results", { results: listed(frame.results) });
        break;
      case "llm.error":
        this.#complain(worded(frame.error) || "the server reports an error");
        break;
      case "session.idle_warning":
        this.#tell("warning", { seconds: frame.remaining_seconds ?? null });
        break;
      case "session.timeout":
        this.#timeout = frame.reason;
        break;
      case "call.ended":
        this.#end(ending(frame.reason), { seconds: frame.duration_seconds });
        break;
      default: // for the captions, or an event of a newer server
    }
  }

  #lose() {
    if (this.#timeout) this.#end(ending(this.#timeout));
    else this.#end(LOST, { isFault: true });
  }

  #showLines(lines) {
    for (const line of lines) this.#tell("line", { line });
  }

  #showSpeakers() {
    const { isUserSpeaking: isUser, isBotSpeaking: isBot, isThinking } = this.#captions;
    const now = `${isUser} ${isBot} ${isThinking}`;
    if (now !== this.#speakers) this.#tell("speakers", { isUser, isBot, isThinking });
    this.#speakers = now;
  }

  #complain(text) {
    if (this.state !== "closed") this.#tell("trouble", { text });
  }

  #end(why, { isFault = false, seconds = this.#seconds() } = {}) {
    if (this.state === "closed") return;
    this.#showLines(this.#captions.end());
    this.#become("closed", { why, isFault, seconds });
    this.#stop.abort();
    this.#peer?.close();
    this.#loudspeaker.close();
    this.#levels?.close();
    release(this.#microphone);
  }

  #seconds() {
    return this.startedAt === null ? null : (performance.now() - this.startedAt) / 1000;
  }

  #become(state, { why = null, isFault = false, seconds = null } = {}) {
    this.state = state;
    this.#tell("state", { state, why, isFault, seconds });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function release(microphone) {
  for (const track of microphone?.getTracks() ?? []) track.stop();
}

function ending(reason) {
  return ENDINGS[reason] ?? `the call has ended${reason ? `: ${worded(reason)}` : ""}`;
}
