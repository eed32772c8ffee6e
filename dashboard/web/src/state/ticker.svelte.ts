// Tells a component when new rows were stored, so that it reads anew what it
// shows, at most every few seconds and not while paused.

import { live } from '../api/live.svelte'

const pause = 3000

export class Ticker {
  /** Changes when there is something new to read. */
  stored = $state('')
  now = $state(Date.now())
  private readAt = Date.now()

  constructor() {
    $effect(() => {
      const metrics = live.metrics
      if (!metrics) return
      this.now = Date.now()
      const written = metrics.last_write_ns ?? ''
      if (this.stored === '') this.stored = written
      if (live.paused || written === this.stored || Date.now() - this.readAt < pause) return
      this.readAt = Date.now()
      this.stored = written
    })
  }
}
