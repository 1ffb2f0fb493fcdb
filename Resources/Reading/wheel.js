// How many slices a wheel event is worth: one a notch, whatever the mouse, the system and the browser call a notch.

const NOTCH = 40, FINE = 120, BURST_MS = 150, TICK_MS = 40; // pixels, pixels, and the gaps that part turns and notches

export class Wheel {
  constructor() { this.last = -Infinity; this.rest = 0; this.notch = Infinity; this.fine = false; this.sign = 0; }

  // A wheel with notches sends one large event (or one in lines) for each; a browser that is busy adds several up. A
  // touchpad or a free wheel sends a stream of small events: the first moves on at once, the others add up. Small
  // events that come slowly are notches, too (macOS makes the first ones of a mouse small).
  slices(event) {
    const size = Math.abs(event.deltaY), sign = Math.sign(event.deltaY), gap = event.timeStamp - this.last;
    if (!size) return 0;
    this.last = event.timeStamp;
    if (gap > BURST_MS || sign !== this.sign) {
      Object.assign(this, { sign, rest: 0, notch: size, fine: !event.deltaMode && size < NOTCH });
      return -sign;
    }
    if (!this.fine) {
      this.notch = Math.min(this.notch, size);
      return -sign * Math.round(size / this.notch);
    }
    if (gap > TICK_MS) return -sign;
    this.rest += size;
    const steps = Math.trunc(this.rest / FINE);
    this.rest -= steps * FINE;
    return -sign * steps;
  }
}
