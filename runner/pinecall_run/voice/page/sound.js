// The microphone and the loudspeaker of a call.

const REFUSALS = {
  NotAllowedError: "the browser did not give the microphone: allow it for this page, beside the address, and call again",
  NotFoundError: "no microphone was found: connect one and call again",
  NotReadableError: "the microphone cannot be opened: close what else uses it and call again",
};

// Returns a MediaStream, or throws an Error whose message is a sentence.
export async function openMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("browsers give the microphone only to pages over https or on localhost: open this page there");
  }
  try {
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Error(REFUSALS[error.name] ?? `the microphone cannot be opened (${error.name}): try another one and call again`);
  }
}

export class Loudspeaker {
  #audio = new Audio();

  // Throws an Error whose message is a sentence when the browser wants to stay silent.
  async play(stream) {
    this.#audio.srcObject = stream;
    try {
      await this.#audio.play();
    } catch (error) {
      if (error.name !== "AbortError") throw new Error("the browser plays no sound here: allow sound for this page");
    }
  }

  close() {
    this.#audio.pause();
    this.#audio.srcObject = null;
  }
}
