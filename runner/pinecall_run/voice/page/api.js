// Asks the server over HTTP: the agents, and the tokens that open a conversation.

import { ApiError, ask } from "./http.js";

export class Api {
  #key;

  // `key` is a function: the key stands in the address and can change while the page is open.
  constructor(key) {
    this.#key = key;
  }

  async agents() {
    const body = await this.#get("../api/sdk/agents");
    if (!Array.isArray(body?.agents)) throw new ApiError("the server's list of agents cannot be read");
    return body.agents.filter((agent) => typeof agent?.slug === "string");
  }

  // Good for one conversation only; `kind` is the door: "chat" or "webrtc".
  async token(kind, slug, signal) {
    const query = new URLSearchParams({ agent_id: slug, scope: "supervise" });
    const body = await this.#get(`../${kind}/token?${query}`, signal);
    if (typeof body?.token !== "string") throw new ApiError("the server gave no token for the conversation");
    return body.token;
  }

  async #get(path, signal) {
    const key = this.#key();
    try {
      return await ask(new URL(path, import.meta.url), { key, signal });
    } catch (error) {
      throw error.status === 401 ? new ApiError(wantsKey(key), 401) : error;
    }
  }
}

function wantsKey(key) {
  const which = key ? "this server wants a key, and not the one in this address" : "this server wants a key";
  return `${which}: open the page with #key=YOUR_KEY`;
}
