// Something that is fetched and may be under way, there, or failed.

import { aborted } from '../api/client'

export class Loaded<T> {
  data = $state.raw<T | undefined>()
  error = $state.raw<unknown>()
  busy = $state(false)
  private running: AbortController | undefined

  /** Starts a fetch, and drops the one before it if it has not answered. */
  async fetch(get: (signal: AbortSignal) => Promise<T>) {
    this.running?.abort()
    const running = (this.running = new AbortController())
    this.busy = true
    try {
      const data = await get(running.signal)
      if (running.signal.aborted) return
      this.data = data
      this.error = undefined
    } catch (err) {
      if (running.signal.aborted || aborted(err)) return
      this.error = err
    }
    this.busy = false
  }

  stop() {
    this.running?.abort()
    this.busy = false
  }
}

/** For a component: fetches whenever what `get` reads changes. */
export function load<T>(get: () => (signal: AbortSignal) => Promise<T>): Loaded<T> & { again: () => void } {
  const loaded = new Loaded<T>() as Loaded<T> & { again: () => void }
  $effect(() => {
    const ask = get()
    loaded.again = () => void loaded.fetch(ask)
    loaded.again()
    return () => loaded.stop()
  })
  loaded.again = () => {}
  return loaded
}
