// Wires the page together: the address chooses the agent, the session feeds the views.

import { readAddress, writeAddress } from "./address.js";
import { AgentWatch } from "./agents.js";
import { Api } from "./api.js";
import { CallSession } from "./call.js";
import { ChatSession } from "./chat.js";
import { Composer } from "./composer.js";
import { clock } from "./format.js";
import { AgentsView } from "./view-agents.js";
import { CallView } from "./view-call.js";
import { FrameView } from "./view-frame.js";
import { LogView } from "./view-log.js";

const address = () => readAddress(window.location.hash);
const linkTo = (agent) => writeAddress({ agent, key: address().key });

const api = new Api(() => address().key);
const watch = new AgentWatch(() => api.agents());
const log = new LogView(document.querySelector("#log"));
const composer = new Composer({ onSend: say });
const agentsView = new AgentsView({ link: linkTo, onAgain: () => composer.focus() });
const frame = new FrameView({ onRestart: restart, onCall: call });
const callView = new CallView();
frame.place(callView);
callView.listenForKeys(document);

let openAgent = null; // its slug; stays open until another agent is chosen
let session = null; // typed or spoken: one at a time

const isCall = () => session instanceof CallSession;

function say(text) {
  if (!session?.send(text)) return false;
  if (!isCall()) log.user(text); // what is written in a call comes back as one of its lines
  return true;
}

function restart() {
  log.divide("a new conversation starts here; the agent does not remember what stands above");
  write();
  composer.focus();
}

function call() {
  log.divide("a call starts here; the agent does not remember what stands above");
  speak();
}

function open(slug) {
  openAgent = slug;
  log.clear();
  frame.open(slug);
  write();
}

function write() {
  const mine = new ChatSession();
  const on = take(mine);
  on("piece", ({ text }) => log.piece(text));
  on("answer", ({ text }) => log.answer(text));
  on("resumed", ({ isKnown }) => {
    log.retract();
    if (!isKnown) log.divide("a new conversation starts here; the agent does not remember what stands above");
  });
  begin(mine, "chat");
}

function speak() {
  const mine = new CallSession();
  const on = take(mine);
  on("line", ({ line }) => log.line(line));
  on("turn", () => log.turn());
  callView.attach(mine);
  begin(mine, "webrtc");
}

// The page is for `mine` from now on. Returns how to listen to it for as long as that is so.
function take(mine) {
  session?.close();
  session = mine;
  const on = (type, hear) => mine.addEventListener(type, ({ detail }) => session === mine && hear(detail));
  on("state", showState);
  on("calls", ({ calls }) => log.calls(calls));
  on("results", ({ results }) => log.results(results));
  on("trouble", ({ text }) => log.trouble(text));
  return on;
}

function begin(mine, door) {
  const slug = openAgent;
  showState({ state: mine.state, why: null, isFault: false });
  mine.start((signal) => api.token(door, slug, signal));
}

function showState({ state, why, isFault, seconds = null }) {
  const isOver = state === "closed";
  const wasOnCall = callView.hasFocus;
  const whole = why === null || seconds === null ? why : `${why}; the call took ${clock(seconds)}`;
  frame.state({ state, why: whole, isFault }, isCall() ? "call" : "chat");
  showOffer();
  composer.isEnabled = !isOver;
  if (!isOver) return;
  log.stop();
  if (wasOnCall) frame.focusAgain();
}

function showOffer() {
  const agent = watch.agents?.find(({ slug }) => slug === openAgent);
  frame.offerCall(Object.hasOwn(agent?.channels ?? {}, "webrtc") && !isCall());
}

// Brings the page in line with the address and the list, whichever of the two has changed.
function follow({ moveFocus = false } = {}) {
  const { agent: wanted } = address();
  const agents = watch.agents ?? [];
  const isHere = agents.some(({ slug }) => slug === wanted);
  const isNew = isHere && wanted !== openAgent;
  if (isNew) open(wanted);
  frame.face(wanted && wanted === openAgent ? "chat" : "agents");
  frame.backTo(linkTo(null));
  frame.agent(agents.find(({ slug }) => slug === openAgent));
  showOffer();
  frame.welcome(agents.length ? "choose an agent to talk to" : "no agent to talk to yet");
  agentsView.update(agents, openAgent);
  agentsView.note(noteOnList(wanted, isHere));
  if (isNew || (moveFocus && wanted === openAgent && wanted)) composer.focus();
}

function noteOnList(wanted, isHere) {
  if (watch.error) return watch.error.status === null ? `${watch.error.message}; trying again` : watch.error.message;
  if (!watch.agents.length) return "no agent is running; the list fills itself as soon as one is";
  if (wanted && !isHere && wanted !== openAgent) return `no agent called "${wanted}" is running here`;
  return "";
}

watch.addEventListener("update", () => follow());
window.addEventListener("hashchange", () => {
  if (watch.agents || watch.error) follow({ moveFocus: true });
  if (watch.error) watch.refresh(); // a key may have been added
});
watch.start();
