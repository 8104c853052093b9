// How loud both sides of a call are, for the eye only.

const FLOOR_DB = -60;
const SAMPLES = 1024; // 21 ms at 48 kHz

export class Levels {
  #context = new AudioContext();
  #taps = new Map();
  #samples = new Float32Array(SAMPLES);

  add(side, stream) {
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = SAMPLES;
    // The source is kept: an unreferenced one may be collected, and its meter stops.
    const source = this.#context.createMediaStreamSource(stream);
    source.connect(analyser);
    this.#taps.set(side, { source, analyser });
    this.#context.resume();
  }

  // From 0, silence, to 1, as loud as can be; 0 for a side that is not there yet.
  read(side) {
    const tap = this.#taps.get(side);
    if (!tap) return 0;
    tap.analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / SAMPLES;
    const decibels = 10 * Math.log10(power || Number.MIN_VALUE);
    return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
  }

  close() {
    this.#taps.clear();
    this.#context.close();
  }
}
