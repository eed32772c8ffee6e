// The live connection: one WebSocket for the whole page, opened when somebody
// wants something from it, opened again where it broke off. What the server
// left out (skipped, gaps) is counted here and shown, never swallowed.

import type { Call, Metrics } from './types'

type Message =
  | { t: 'hello'; cursor: string; version: string }
  | { t: 'calls'; rows: Call[]; cursor: string; skipped: number }
  | ({ t: 'metrics' } & Metrics)
  | { t: 'alert'; rule: string; state: string; value: string; threshold: string; at_ns: string; call: string | null }
  | { t: 'gap'; from: string; to: string; count: number | null }
  | { t: 'open'; rows: Call[] }
  | { t: 'error'; detail: string }

export interface Receiver {
  rows?: (rows: Call[]) => void
  /** Told how many calls did not come one by one; null if nobody knows. */
  gap?: (count: number | null) => void
}

interface Subscription {
  q: string
  run: string
  receiver: Receiver
}

class Live {
  state = $state<'closed' | 'connecting' | 'open' | 'lost'>('closed')
  paused = $state(false)
  metrics = $state.raw<Metrics | undefined>()
  alert = $state.raw<{ rule: string; state: string; value: string; threshold: string } | undefined>()
  alerts = $state(0)
  inFlight = $state.raw<Call[] | undefined>()
  error = $state('')
  private socket: WebSocket | undefined
  private cursor = ''
  private calls: Subscription | undefined
  private pause = 500

  /** Connects, for metrics and alerts; calls need a subscription. */
  open() {
    if (this.socket) return
    this.state = this.state === 'lost' ? 'lost' : 'connecting'
    const socket = new WebSocket((location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + '/api/v1/live')
    this.socket = socket
    socket.onopen = () => {
      this.state = 'open'
      this.error = ''
      this.pause = 500
      this.send({ op: 'sub', ch: 'metrics' })
      this.send({ op: 'sub', ch: 'alerts' })
      this.send({ op: 'sub', ch: 'open' })
      if (this.calls) this.subscribe(this.cursor)
      if (this.paused) this.send({ op: 'pause' })
    }
    socket.onmessage = (event) => this.receive(JSON.parse(event.data as string) as Message)
    socket.onclose = () => {
      this.socket = undefined
      this.state = 'lost'
      setTimeout(() => this.open(), this.pause)
      this.pause = Math.min(this.pause * 2, 15_000)
    }
  }

  /** Has new calls handed to the receiver until the function it returns is called. */
  follow(q: string, run: string, receiver: Receiver): () => void {
    const mine = (this.calls = { q, run, receiver })
    this.cursor = ''
    if (this.state === 'open') this.subscribe('')
    return () => {
      if (this.calls !== mine) return
      this.calls = undefined
      this.send({ op: 'unsub', ch: 'calls' })
    }
  }

  setPaused(paused: boolean) {
    this.paused = paused
    this.send({ op: paused ? 'pause' : 'resume' })
  }

  private subscribe(cursor: string) {
    if (!this.calls) return
    this.send({ op: 'sub', ch: 'calls', q: this.calls.q, run: this.calls.run, ...(cursor ? { cursor } : {}) })
  }

  private send(message: object) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message))
  }

  private receive(message: Message) {
    switch (message.t) {
      case 'calls':
        this.cursor = message.cursor
        this.calls?.receiver.rows?.(message.rows)
        if (message.skipped) this.calls?.receiver.gap?.(message.skipped)
        break
      case 'gap':
        this.cursor = message.to
        this.calls?.receiver.gap?.(message.count)
        break
      case 'metrics':
        this.metrics = message
        break
      case 'alert':
        this.alert = message
        this.alerts++
        break
      case 'open':
        if (!this.paused) this.inFlight = message.rows
        break
      case 'error':
        this.error = message.detail
    }
  }
}

export const live = new Live()
