// The box where the user writes: Enter sends, Shift+Enter starts a new line.

export class Composer {
  #box = document.querySelector("#message");
  #button = document.querySelector("#send");

  // `onSend(text)` returns whether it was taken; what was not taken stays in the box.
  constructor({ onSend }) {
    const form = document.querySelector("#composer");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#box.value.trim();
      if (text && onSend(text)) this.#box.value = "";
      this.#fit();
      this.focus();
    });
    this.#box.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word; Safari says so only by the code 229.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      if (!this.#button.disabled) form.requestSubmit(this.#button);
    });
    this.#box.addEventListener("input", () => this.#fit());
  }

  set isEnabled(value) {
    this.#button.disabled = !value;
  }

  focus() {
    this.#box.focus();
  }

  #fit() {
    this.#box.style.height = "auto";
    const borders = this.#box.offsetHeight - this.#box.clientHeight;
    this.#box.style.height = `${this.#box.scrollHeight + borders}px`;
  }
}
