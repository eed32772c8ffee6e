// Which nodes of a drawing that is small carry their name: as on a map, the
// important ones first, and none over another.

interface Spot {
  x: number
  y: number
  width: number
}

const height = 15

/** Indexes of the spots, given by importance, whose labels find room. */
export function roomFor(spots: Spot[]): Set<number> {
  const taken = new Map<string, Spot[]>()
  const column = 80
  const found = new Set<number>()
  for (const [i, spot] of spots.entries()) {
    const cells: string[] = []
    for (let c = Math.floor((spot.x - spot.width / 2) / column); c <= Math.floor((spot.x + spot.width / 2) / column); c++)
      for (let r = -1; r <= 1; r++) cells.push(c + ',' + (Math.floor(spot.y / height) + r))
    const meets = (o: Spot) => Math.abs(o.y - spot.y) < height && Math.abs(o.x - spot.x) < (o.width + spot.width) / 2 + 4
    if (cells.some((key) => taken.get(key)?.some(meets))) continue
    for (const key of cells) taken.set(key, [...(taken.get(key) ?? []), spot])
    found.add(i)
  }
  return found
}
