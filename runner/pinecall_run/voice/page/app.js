// Wires the page together: the address chooses the agent, the session feeds the views.

import { readAddress, writeAddress } from "./address.js";
import { AgentWatch } from "./agents.js";
import { Api } from "./api.js";
import { ChatSession } from "./chat.js";
import { Composer } from "./composer.js";
import { AgentsView } from "./view-agents.js";
import { FrameView } from "./view-frame.js";
import { LogView } from "./view-log.js";

const address = () => readAddress(window.location.hash);
const linkTo = (agent) => writeAddress({ agent, key: address().key });

const api = new Api(() => address().key);
const watch = new AgentWatch(() => api.agents());
const log = new LogView();
const composer = new Composer({ onSend: say });
const agentsView = new AgentsView({ link: linkTo, onAgain: () => composer.focus() });
const frame = new FrameView({ onRestart: restart });

let openAgent = null; // its slug; stays open until another agent is chosen
let session = null;

function say(text) {
  if (!session?.send(text)) return false;
  log.user(text);
  return true;
}

function restart() {
  log.divide("a new conversation starts here; the agent does not remember what stands above");
  connect();
  composer.focus();
}

function open(slug) {
  openAgent = slug;
  log.clear();
  frame.open(slug);
  connect();
}

function connect() {
  session?.close();
  const slug = openAgent;
  const mine = new ChatSession();
  session = mine;
  const on = (type, hear) => mine.addEventListener(type, ({ detail }) => session === mine && hear(detail));
  on("state", showState);
  on("piece", ({ text }) => log.piece(text));
  on("answer", ({ text }) => log.answer(text));
  on("calls", ({ calls }) => log.calls(calls));
  on("results", ({ results }) => log.results(results));
  on("trouble", ({ text }) => log.trouble(text));
  showState({ state: mine.state, why: null, isFault: false });
  mine.start((signal) => api.chatToken(slug, signal));
}

function showState(change) {
  const isOver = change.state === "closed";
  frame.state(change);
  composer.isEnabled = !isOver;
  if (isOver) log.stop();
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
