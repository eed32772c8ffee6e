// The list of the Calls page: ranked pages of what is stored, and in front of
// them the calls that arrived since those were pinned.

import type { Call } from '../api/types'
import { RankedPages } from './pages.svelte'

/** How many arrived calls are kept before the pages are read anew. */
const most = 1000

export class CallList {
  private pages = new RankedPages<Call>()
  private fresh = $state.raw<Call[]>([])
  private filter: Record<string, string> = {}
  private reading = false
  private readAt = 0
  /** Calls that arrived while somebody reads further down. */
  waiting = $state(0)
  /** Calls that the server did not send one by one. */
  missed = $state(0)

  get total() {
    return this.pages.total + this.fresh.length
  }
  get exact() {
    return this.pages.exact
  }
  get there() {
    return this.pages.there
  }
  get error() {
    return this.pages.error
  }

  reset(filter: Record<string, string>) {
    this.filter = filter
    void this.again()
  }

  /** Reads the list anew: what arrived or was missed becomes part of its pages. */
  async again() {
    if (this.reading) this.readAt = 0
    this.reading = true
    this.readAt = Date.now()
    this.waiting = 0
    this.missed = 0
    await this.pages.reset('calls', this.filter)
    this.fresh = []
    this.reading = false
  }

  call(rank: number): Call | undefined {
    return rank < this.fresh.length ? this.fresh[rank] : this.pages.row(rank - this.fresh.length)
  }

  show(first: number, last: number) {
    this.pages.show(first - this.fresh.length, last - this.fresh.length)
  }

  /** Takes rows that just arrived, in the order in which they ended. */
  arrive(rows: Call[], atTop: boolean) {
    if (!atTop) {
      this.waiting += rows.length
      return
    }
    const known = new Set(this.pages.first().map((row) => row.call))
    const added = rows.filter((row) => !known.has(row.call)).reverse()
    if (this.fresh.length + added.length <= most) this.fresh = [...added, ...this.fresh]
    else this.refresh(added)
  }

  miss(count: number | null) {
    if (count === null) void this.again()
    else this.missed += count
  }

  /** Keeps the newest, and reads anew at most once a second. */
  private refresh(added: Call[]) {
    this.missed += Math.max(0, this.fresh.length + added.length - most)
    this.fresh = [...added, ...this.fresh].slice(0, most)
    if (!this.reading && Date.now() - this.readAt > 1000) void this.again()
  }
}
