// Places for the nodes of a large graph: callers above what they call, each
// layer wrapped into as many rows as make the whole as wide as it is high.
// A layout that gives every layer one row makes a strip of five hundred nodes.

export interface Place {
  x: number
  y: number
}
interface Edge {
  from: string
  to: string
}

/** How large a node's cell is, and what lies between two layers. */
const cell = { width: 200, height: 52 }
const between = 64
/** Width by height that is aimed at: the same everywhere, so that a link shows what its maker saw. */
const aspect = 0.95

export function layers(ids: string[], edges: Edge[]): Map<string, Place> {
  const callees = new Map<string, string[]>(ids.map((id) => [id, []]))
  const callers = new Map<string, string[]>(ids.map((id) => [id, []]))
  for (const { from, to } of edges) {
    if (from === to) continue
    callees.get(from)!.push(to)
    callers.get(to)!.push(from)
  }
  const alone = ids.filter((id) => !callees.get(id)!.length && !callers.get(id)!.length)
  const all = [...inLayers(ids.filter((id) => callees.get(id)!.length || callers.get(id)!.length), callees, callers)]
  sortWithin(all, callees, callers)
  if (alone.length) all.push(alone)
  return place(all)
}

/** Each node below all of its callers, calls that close a circle left out. */
function inLayers(ids: string[], callees: Map<string, string[]>, callers: Map<string, string[]>): string[][] {
  const from = [...ids].sort((a, b) => callers.get(a)!.length - callers.get(b)!.length)
  const state = new Map<string, 'open' | 'done'>()
  const forward = new Map<string, string[]>()
  const order: string[] = []
  for (const start of from) {
    const stack = state.has(start) ? [] : [{ id: start, next: 0 }]
    if (stack.length) state.set(start, 'open')
    while (stack.length) {
      const at = stack[stack.length - 1]!
      const to = callees.get(at.id)![at.next++]
      if (to === undefined) {
        state.set(at.id, 'done')
        order.push(at.id)
        stack.pop()
      } else if (state.get(to) !== 'open') {
        forward.set(at.id, [...(forward.get(at.id) ?? []), to])
        if (!state.has(to)) {
          state.set(to, 'open')
          stack.push({ id: to, next: 0 })
        }
      }
    }
  }
  const layer = new Map<string, number>()
  for (const id of order.reverse()) {
    const mine = layer.get(id) ?? 0
    layer.set(id, mine)
    for (const to of forward.get(id) ?? []) layer.set(to, Math.max(layer.get(to) ?? 0, mine + 1))
  }
  const found: string[][] = []
  for (const id of ids) (found[layer.get(id)!] ??= []).push(id)
  return found
}

/** Orders each layer by where its callers, then where its callees are, some times over. */
function sortWithin(all: string[][], callees: Map<string, string[]>, callers: Map<string, string[]>) {
  const at = new Map<string, number>()
  const note = (layer: string[]) => layer.forEach((id, i) => at.set(id, (i + 0.5) / layer.length))
  all.forEach(note)
  const mean = (of: string[], fallback: number) => (of.length ? of.reduce((sum, id) => sum + at.get(id)!, 0) / of.length : fallback)
  for (let round = 0; round < 12; round++) {
    const down = round % 2 === 0
    for (const layer of down ? all : [...all].reverse()) {
      const wanted = new Map(layer.map((id) => [id, mean((down ? callers : callees).get(id)!, at.get(id)!)]))
      layer.sort((a, b) => wanted.get(a)! - wanted.get(b)!)
      note(layer)
    }
  }
}

function place(all: string[][]): Map<string, Place> {
  const most = Math.max(1, ...all.map((layer) => layer.length))
  const size = (columns: number) => {
    const rows = all.reduce((sum, layer) => sum + Math.ceil(layer.length / columns), 0)
    return { width: columns * cell.width, height: rows * cell.height + (all.length - 1) * between }
  }
  let columns = 1
  while (columns < most && size(columns).width < size(columns).height * aspect) columns++
  const places = new Map<string, Place>()
  let y = 0
  for (const layer of all) {
    const rows = Math.ceil(layer.length / columns)
    const wide = Math.ceil(layer.length / rows)
    // By columns: neighbours in the order stay above each other.
    layer.forEach((id, i) => places.set(id, { x: (Math.floor(i / rows) - (wide - 1) / 2) * cell.width, y: y + (i % rows) * cell.height }))
    y += rows * cell.height + between
  }
  return places
}
