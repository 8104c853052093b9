// Asks the server over HTTP: the agents, and the tokens that open a conversation.

const PATIENCE_MS = 10_000;

// Its message is a sentence to show as it is; `status` is null when no answer came.
export class ApiError extends Error {
  constructor(message, status = null) {
    super(message);
    this.status = status;
  }
}

export class Api {
  #key;

  // `key` is a function: the key stands in the address and can change while the page is open.
  constructor(key) {
    this.#key = key;
  }

  async agents() {
    const body = await this.#get(new URL("../api/sdk/agents", import.meta.url));
    if (!Array.isArray(body?.agents)) throw new ApiError("the server's list of agents cannot be read");
    return body.agents.filter((agent) => typeof agent?.slug === "string");
  }

  // Good for one socket only.
  async chatToken(slug, signal) {
    const query = new URLSearchParams({ agent_id: slug, scope: "supervise" });
    const body = await this.#get(new URL(`../chat/token?${query}`, import.meta.url), signal);
    if (typeof body?.token !== "string") throw new ApiError("the server gave no token for the conversation");
    return body.token;
  }

  async #get(address, signal) {
    const key = this.#key();
    const patience = AbortSignal.timeout(PATIENCE_MS);
    let response;
    try {
      response = await fetch(address, {
        headers: key ? { Authorization: `Bearer ${key}` } : {},
        cache: "no-store",
        signal: signal ? AbortSignal.any([signal, patience]) : patience,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError("the server cannot be reached");
    }
    const body = await response.json().catch(() => null);
    if (response.ok) return body;
    throw new ApiError(refusal(response.status, body, key), response.status);
  }
}

function refusal(status, body, key) {
  if (status === 401) {
    const which = key ? "this server wants a key, and not the one in this address" : "this server wants a key";
    return `${which}: open the page with #key=YOUR_KEY`;
  }
  return typeof body?.detail === "string" ? body.detail : `the server answered with status ${status}`;
}
