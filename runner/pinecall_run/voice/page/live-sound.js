// The sound of a live call: pieces of s16le are played as they come, and the microphone makes others.

const AHEAD_SECONDS = 0.15; // pieces come over a network: the first waits a little for those behind it

export class LiveSound {
  #context;
  #due = 0; // when the last piece has been played
  #microphone = null;

  // To be made in answer to a click: before, browsers play nothing.
  constructor(rate) {
    this.#context = new AudioContext({ sampleRate: rate });
  }

  // Returns how loud the piece is, 0 to 1.
  play(bytes) {
    const samples = new Int16Array(bytes);
    const buffer = this.#context.createBuffer(1, samples.length, this.#context.sampleRate);
    const channel = buffer.getChannelData(0);
    samples.forEach((sample, at) => (channel[at] = sample / 32768));
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#context.destination);
    const now = this.#context.currentTime;
    if (this.#due < now) this.#due = now + AHEAD_SECONDS;
    source.start(this.#due);
    this.#due += buffer.duration;
    return channel.reduce((loudest, value) => Math.max(loudest, Math.abs(value)), 0);
  }

  // `onSound` gets an ArrayBuffer for each 40 ms. Rejects where there is no microphone, or none is given.
  async speak(onSound) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
    await this.#context.audioWorklet.addModule(new URL("microphone.js", import.meta.url));
    const node = new AudioWorkletNode(this.#context, "microphone", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => onSound(data);
    const source = this.#context.createMediaStreamSource(stream);
    source.connect(node);
    this.#microphone = { stream, source };
  }

  hush() {
    this.#microphone?.source.disconnect();
    for (const track of this.#microphone?.stream.getTracks() ?? []) track.stop();
    this.#microphone = null;
  }

  close() {
    this.hush();
    this.#context.close();
  }
}
