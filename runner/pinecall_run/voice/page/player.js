// Listens to a call, and takes it over: one socket, beside this page's address.

import { Captions } from "./captions.js";
import { make, setText, show } from "./dom.js";
import { LiveSound } from "./live-sound.js";

const at = (id) => document.querySelector(`#${id}`);
const [listen, take, microphone, say, whisper, text] = ["listen", "take", "microphone", "say", "whisper", "text"].map(at);

const address = new URL("ws", window.location.href);
address.protocol = address.protocol.replace("http", "ws");
address.search = new URLSearchParams({ token: new URLSearchParams(window.location.search).get("token") ?? "", events: "1" });

const captions = new Captions();
const elements = new Map(); // by line
let rate = 0;
let sound = null;
let isMine = false; // whether this page took the call over
let isAsking = false;
let isOver = false;

const socket = new WebSocket(address);
socket.binaryType = "arraybuffer";
socket.addEventListener("message", ({ data }) => (typeof data === "string" ? read(JSON.parse(data)) : hear(data)));
socket.addEventListener("close", () => {
  if (!isOver) state("not connected");
  if (!isOver) problem(rate ? "the connection is lost: load this page again" : "this call cannot be listened to: it is over, its agent does not allow it, or the key is wrong");
  end();
});

function read(frame) {
  if (frame.type === "metadata") {
    rate = frame.sampleRate;
    setText(at("call"), frame.sessionId);
    state("connected");
    for (const element of [listen, take, whisper, text]) element.disabled = false;
  } else if (frame.type === "error") {
    isAsking = false;
    if (isMine && frame.error.startsWith("another supervisor")) handed(false, frame.error); // both asked at once
    problem(frame.error);
  } else {
    happened(frame);
  }
}

function happened(frame) {
  if (frame.event === "handoff.active") handed(isAsking, isAsking ? "you have this call: the agent is silent" : "another supervisor has this call");
  if (frame.event === "handoff.released") handed(false, "the agent has this call");
  if (frame.event === "supervisor.said" && !frame.message_id) line("supervisor").textContent = frame.text;
  if (frame.event === "supervisor.whispered") line("whispered").textContent = frame.text;
  for (const changed of captions.apply(frame)) {
    if (!elements.has(changed)) elements.set(changed, line(changed.side === "user" ? "caller" : "agent"));
    setText(elements.get(changed), changed.text);
  }
}

function line(who) {
  const element = make("li", { data: { who } });
  at("lines").append(element);
  return element;
}

function handed(mine, sentence) {
  isMine = mine;
  isAsking = false;
  if (!mine) quiet();
  setText(take, mine ? "hand back" : "take over");
  show(microphone, mine);
  say.disabled = !mine;
  show(at("problem"), false);
  state(sentence);
}

function hear(bytes) {
  if (!bytes.byteLength) {
    isOver = true;
    state("the call is over");
  } else if (bytes.byteLength > 2) {
    at("level").value = sound?.play(bytes) ?? 0;
  }
}

function quiet() {
  sound?.hush();
  microphone.setAttribute("aria-pressed", "false");
}

function end() {
  sound?.close();
  sound = null;
  for (const element of [listen, take, microphone, say, whisper, text]) element.disabled = true;
}

const act = (action, more) => socket.send(JSON.stringify({ action, ...more }));
const state = (sentence) => setText(at("state"), sentence);

function problem(sentence) {
  setText(at("problem"), sentence);
  show(at("problem"), true);
}

function opened() {
  sound ??= new LiveSound(rate);
  setText(listen, "stop listening");
  return sound;
}

listen.addEventListener("click", () => {
  if (sound) {
    quiet();
    sound.close();
    sound = null;
    setText(listen, "listen");
  } else {
    opened();
  }
});

take.addEventListener("click", () => {
  isAsking = !isMine;
  act(isMine ? "hand_back" : "take_over");
});

microphone.addEventListener("click", async () => {
  if (microphone.getAttribute("aria-pressed") === "true") return quiet();
  microphone.setAttribute("aria-pressed", "true");
  try {
    await opened().speak((samples) => socket.readyState === WebSocket.OPEN && socket.send(samples));
  } catch (error) {
    quiet();
    problem(`the microphone cannot be used (${error.name}): allow it for this page`);
  }
});

function write(action) {
  if (!text.value.trim()) return;
  act(action, { text: text.value });
  text.value = "";
}

at("words").addEventListener("submit", (event) => {
  event.preventDefault();
  if (isMine) write("say");
});
whisper.addEventListener("click", () => write("whisper"));

window.addEventListener("pagehide", () => socket.close());
