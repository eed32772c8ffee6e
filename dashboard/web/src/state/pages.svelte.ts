// Rows of a long result by their rank: pages of 100 are fetched when they are
// looked at and the oldest are let go, so memory stays flat however far one
// scrolls. The result is pinned: new calls do not move the ranks.

import { aborted, get } from '../api/client'
import type { Page } from '../api/types'

const size = 100
const kept = 40

type Filter = Record<string, string>

export class RankedPages<Row> {
  total = $state(0)
  exact = $state(true)
  error = $state.raw<unknown>()
  busy = $state(false)
  /** Whether there was an answer since the last reset. */
  there = $state(false)
  private version = $state(0)
  private pages = new Map<number, Row[]>()
  private asked = new Map<number, AbortController>()
  private filter: Filter = {}
  private top: string | null = null
  private path = ''
  private round = 0
  private wanted: [number, number] = [0, 0]

  /** Starts over with another filter; what is shown stays until the answer is there. */
  async reset(path: string, filter: Filter) {
    const round = ++this.round
    for (const running of this.asked.values()) running.abort()
    this.asked.clear()
    this.path = path
    this.filter = filter
    this.busy = true
    const running = new AbortController()
    this.asked.set(0, running)
    try {
      const page = await get<Page<Row>>(path, { ...filter, rank: 0, limit: size }, running.signal)
      if (round !== this.round) return
      this.pages = new Map([[0, page.rows]])
      this.top = page.top
      this.total = page.exact ? page.total : Math.max(page.total, page.rows.length)
      this.exact = page.exact
      this.error = undefined
      this.there = true
    } catch (err) {
      if (round !== this.round || aborted(err)) return
      this.error = err
    }
    this.busy = false
    this.asked.delete(0)
    this.version++
    if (!this.exact) setTimeout(() => void this.recount(round), 500)
  }

  row(rank: number): Row | undefined {
    void this.version
    return this.pages.get(Math.floor(rank / size))?.[rank % size]
  }

  /** All rows of the first page: to tell which of the arriving calls are in it. */
  first(): Row[] {
    void this.version
    return this.pages.get(0) ?? []
  }

  /** Fetches what the ranks need and drops requests for what left the window. */
  show(first: number, last: number) {
    if (!this.there) return // the first page is on its way
    const from = Math.max(0, Math.floor(first / size))
    const to = Math.floor(Math.max(0, Math.min(last, this.total - 1)) / size)
    this.wanted = [from, to]
    for (const [page, running] of this.asked) {
      if (page < from - 1 || page > to + 1) {
        running.abort()
        this.asked.delete(page)
      }
    }
    for (let page = from; page <= to; page++) if (!this.pages.has(page) && !this.asked.has(page)) void this.fetch(page)
  }

  private async fetch(page: number) {
    const round = this.round
    const running = new AbortController()
    this.asked.set(page, running)
    try {
      const answer = await get<Page<Row>>(this.path, { ...this.filter, rank: page * size, limit: size, pin: this.top }, running.signal)
      if (round !== this.round) return
      this.pages.delete(page)
      this.pages.set(page, answer.rows)
      this.error = undefined
      this.forget()
      this.version++
    } catch (err) {
      if (round === this.round && !aborted(err)) this.error = err
    } finally {
      if (this.asked.get(page) === running) this.asked.delete(page)
    }
  }

  private forget() {
    for (const page of this.pages.keys()) {
      if (this.pages.size <= kept) return
      if (page !== 0 && (page < this.wanted[0] || page > this.wanted[1])) this.pages.delete(page)
    }
  }

  private async recount(round: number) {
    if (round !== this.round) return
    try {
      const answer = await get<Page<Row>>(this.path, { ...this.filter, rank: 0, limit: 1, pin: this.top })
      if (round !== this.round) return
      this.total = answer.exact ? answer.total : Math.max(answer.total, this.total)
      this.exact = answer.exact
    } catch {
      return // the total stays marked as not exact
    }
    if (!this.exact) setTimeout(() => void this.recount(round), 1000)
  }
}
