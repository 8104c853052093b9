// Watches the server's list of agents while somebody looks at the page.

const EVERY_MS = 5_000;

// Fires "update" after each look; then `agents` is the last list that came (null before the first one)
// and `error` says why the last look failed, or is null.
export class AgentWatch extends EventTarget {
  agents = null;
  error = null;
  #load;
  #timer = null;
  #looking = false;
  #again = false;

  constructor(load) {
    super();
    this.#load = load;
  }

  start() {
    window.addEventListener("focus", () => this.refresh());
    document.addEventListener("visibilitychange", () => this.refresh());
    return this.refresh();
  }

  // One look at a time: what asks meanwhile gets one more look afterwards.
  async refresh() {
    clearTimeout(this.#timer);
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    do {
      this.#again = false;
      await this.#look();
    } while (this.#again);
    this.#looking = false;
    if (!document.hidden) this.#timer = setTimeout(() => this.refresh(), EVERY_MS);
  }

  async #look() {
    if (document.hidden) return;
    try {
      this.agents = await this.#load();
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.dispatchEvent(new Event("update"));
  }
}
