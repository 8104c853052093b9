// The connection of one call: signalling over HTTP, then sound and the data channel `events` from peer to peer.

import { ApiError, ask } from "./http.js";

const GATHERING_MS = 2_000; // the offer goes with the addresses that were found by then
const OPENING_MS = 15_000;
const PING_MS = 1_000; // by its pings the server knows that the browser is there

const NO_WAY = "no way through for the sound: a firewall is between here and the server, so try another network, or give the server a TURN server";

const server = (path) => new URL(`../webrtc/${path}`, import.meta.url);

// The list for RTCPeerConnection; also the way to learn that a server carries no voice before anybody is asked for
// their microphone.
export async function iceServers(signal) {
  const body = await ask(server("ice-servers"), { signal }).catch((error) => {
    throw error.status === 404 ? new ApiError(error.message, 501) : error; // a server that knows nothing of calls
  });
  const list = Array.isArray(body) ? body : body?.iceServers;
  return Array.isArray(list) ? list : [];
}

// Fires, all CustomEvent: "sound" {stream}, what the agent says; "frame" {frame}; "shaky" {isShaky}, the connection
// is interrupted and may come back; "lost" {}, it will not.
export class Peer extends EventTarget {
  #connection;
  #channel;
  #pinging = null;
  #isClosed = false;

  constructor({ iceServers, microphone }) {
    super();
    this.#connection = new RTCPeerConnection({ iceServers });
    for (const track of microphone.getTracks()) this.#connection.addTrack(track, microphone);
    this.#channel = this.#connection.createDataChannel("events", { ordered: true });
    this.#channel.addEventListener("message", ({ data }) => this.#receive(data));
    this.#channel.addEventListener("close", () => this.#lose());
    this.#connection.addEventListener("connectionstatechange", () => this.#watch());
    this.#connection.addEventListener("track", ({ track, streams }) => {
      this.#tell("sound", { stream: streams[0] ?? new MediaStream([track]) });
    });
  }

  // Returns once both sides can speak, or throws an Error whose message is a sentence. `call` is what the offer
  // carries beside the SDP: the token, and perhaps config and metadata.
  async open(call, signal) {
    await this.#connection.setLocalDescription();
    await this.#gathered();
    const { type, sdp } = this.#connection.localDescription;
    const answer = await ask(server("offer"), { body: { sdp, type, ...call }, signal });
    try {
      await this.#connection.setRemoteDescription({ type: "answer", sdp: answer?.sdp ?? "" });
    } catch (error) {
      if (this.#isClosed) throw error;
      throw new ApiError("the server's answer to the call cannot be used: it speaks another dialect of WebRTC");
    }
    await this.#opened();
    this.#pinging = setInterval(() => this.#write("ping"), PING_MS);
  }

  send(action) {
    this.#write(JSON.stringify(action));
  }

  close() {
    this.#isClosed = true;
    clearInterval(this.#pinging);
    this.#channel.close();
    this.#connection.close();
  }

  #gathered() {
    const connection = this.#connection;
    if (connection.iceGatheringState === "complete") return null;
    return new Promise((resolve) => {
      setTimeout(resolve, GATHERING_MS);
      connection.addEventListener("icegatheringstatechange", () => {
        if (connection.iceGatheringState === "complete") resolve();
      });
    });
  }

  #opened() {
    if (this.#channel.readyState === "open") return null;
    return new Promise((resolve, reject) => {
      const refuse = () => reject(new ApiError(NO_WAY));
      const patience = setTimeout(refuse, OPENING_MS);
      this.#channel.addEventListener("open", () => {
        clearTimeout(patience);
        resolve();
      });
      this.addEventListener("lost", refuse);
    });
  }

  #watch() {
    const state = this.#connection.connectionState;
    if (state === "failed" || state === "closed") this.#lose();
    else this.#tell("shaky", { isShaky: state === "disconnected" });
  }

  #lose() {
    if (!this.#isClosed) this.#tell("lost");
  }

  #receive(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // "pong", or what a newer server says
    }
    if (typeof frame?.event === "string") this.#tell("frame", { frame });
  }

  #write(text) {
    if (this.#channel.readyState === "open") this.#channel.send(text);
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
