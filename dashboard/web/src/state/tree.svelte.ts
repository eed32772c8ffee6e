// The calls of a trace as a list of lines: those whose callers are all opened,
// each with its level, and a line for what the server has not sent yet.

import { get } from '../api/client'
import type { Tree, TreeNode } from '../api/types'

export type Line = { node: TreeNode; level: number; open: boolean; more?: undefined } | { node: TreeNode; level: number; more: number }

const atOnce = 250 // something to look at
const more = 1000 // of a trace that is too much to hold
const held = 5000

export class TraceTree {
  tree = $state.raw<Tree | undefined>()
  private closed = $state.raw(new Set<string>())
  error = $state.raw<unknown>()
  loading = $state('')
  /** How often it was read: with each time a call may have another line. */
  reads = $state(0)

  private levels = $derived.by(() => {
    const levels = new Map<string, number>()
    for (const node of this.tree?.nodes ?? []) levels.set(node.call, node.parent !== null && levels.has(node.parent) ? levels.get(node.parent)! + 1 : 0)
    return levels
  })

  lines = $derived.by((): Line[] => {
    const lines: Line[] = []
    const open: { node: TreeNode; level: number }[] = []
    const leave = (level: number) => {
      while (open.length && open[open.length - 1]!.level >= level) {
        const left = open.pop()!
        if (left.node.children > left.node.shown) lines.push({ node: left.node, level: left.level + 1, more: left.node.children - left.node.shown })
      }
    }
    let hiddenBelow = Infinity
    for (const node of this.tree?.nodes ?? []) {
      const level = this.levels.get(node.call) ?? 0
      if (level > hiddenBelow) continue
      hiddenBelow = Infinity
      leave(level)
      const isOpen = !this.closed.has(node.call)
      lines.push({ node, level, open: isOpen })
      if (!isOpen) hiddenBelow = level
      else open.push({ node, level })
    }
    leave(0)
    return lines
  })

  index = $derived(new Map((this.tree?.nodes ?? []).map((node) => [node.call, node])))

  async load(root: string, focus: string, signal: AbortSignal) {
    const ask = (limit: number) => get<Tree>('traces/' + root + '/tree', { focus, limit }, signal)
    this.tree = await ask(atOnce)
    this.reads++
    this.closed = new Set()
    if (this.tree.total > this.tree.loaded) {
      this.tree = await ask(this.tree.total <= held ? held : more)
      this.reads++
    }
    return this.tree
  }

  /** Fetches what is below a call and puts it in the place of what is there. */
  async loadMore(node: TreeNode) {
    if (!this.tree || this.loading) return
    this.loading = node.call
    try {
      const part = await get<Tree>('traces/' + this.tree.root + '/tree', { under: node.call, limit: 10_000 })
      const nodes = this.tree.nodes
      const start = nodes.findIndex((n) => n.call === node.call)
      const level = this.levels.get(node.call) ?? 0
      let end = start + 1
      while (end < nodes.length && (this.levels.get(nodes[end]!.call) ?? 0) > level) end++
      const head = part.nodes[0]?.call === node.call ? [] : [{ ...node, shown: part.nodes.filter((n) => n.parent === node.call).length }]
      const next = [...nodes.slice(0, start), ...head, ...part.nodes, ...nodes.slice(end)]
      this.tree = { ...this.tree, nodes: next, loaded: next.length }
      this.error = undefined
    } catch (err) {
      this.error = err
    }
    this.loading = ''
  }

  toggle(call: string, open?: boolean) {
    const closed = new Set(this.closed)
    if (open ?? closed.has(call)) closed.delete(call)
    else closed.add(call)
    this.closed = closed
  }

  /** Opens all callers of a call, so that it has a line. */
  reveal(call: string) {
    const closed = new Set(this.closed)
    for (let at = this.index.get(call)?.parent; at; at = this.index.get(at)?.parent) closed.delete(at)
    if (closed.size !== this.closed.size) this.closed = closed
  }

  openAll() {
    this.closed = new Set()
  }

  closeAll() {
    this.closed = new Set((this.tree?.nodes ?? []).filter((n) => n.children > 0 && (this.levels.get(n.call) ?? 0) > 0).map((n) => n.call))
  }
}
