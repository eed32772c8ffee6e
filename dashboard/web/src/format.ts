// Numbers and times as people read them. Nanoseconds since 1970 do not fit into
// a number exactly: they stay decimal text, and are cut, not divided.

const whole = new Intl.NumberFormat('en-US')

export function count(n: number | null | undefined): string {
  return n === null || n === undefined ? '–' : whole.format(Math.round(n))
}

/** 12, 9,876, 12.3k, 4.5M: for places where the exact figure is in the title. */
export function short(n: number | null | undefined): string {
  if (n === null || n === undefined || !isFinite(n)) return '–'
  const size = Math.abs(n)
  if (size >= 1e9) return digits(n / 1e9) + 'G'
  if (size >= 1e6) return digits(n / 1e6) + 'M'
  if (size >= 1e4) return digits(n / 1e3) + 'k'
  if (size >= 100 || Number.isInteger(n)) return whole.format(Math.round(n))
  return digits(n)
}

function digits(n: number): string {
  const size = Math.abs(n)
  return n.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2).replace(/\.?0+$/, (zeros) => (zeros.includes('.') ? '' : zeros))
}

/** A duration in nanoseconds, three figures. */
export function duration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined) return '–'
  const size = Math.abs(ns)
  if (size < 1e3) return Math.round(ns) + ' ns'
  if (size < 1e6) return digits(ns / 1e3) + ' µs'
  if (size < 1e9) return digits(ns / 1e6) + ' ms'
  if (size < 120e9) return digits(ns / 1e9) + ' s'
  if (size < 7200e9) return Math.floor(ns / 60e9) + ' min ' + Math.round((ns % 60e9) / 1e9) + ' s'
  return Math.floor(ns / 3600e9) + ' h ' + Math.round((ns % 3600e9) / 60e9) + ' min'
}

export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined) return '–'
  if (n < 1024) return Math.round(n) + ' B'
  if (n < 1024 ** 2) return digits(n / 1024) + ' KiB'
  if (n < 1024 ** 3) return digits(n / 1024 ** 2) + ' MiB'
  return digits(n / 1024 ** 3) + ' GiB'
}

/** A share of one in per cent; what is not nothing never reads as 0. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !isFinite(share)) return '–'
  const n = share * 100
  if (n > 0 && n < 0.01) return '<0.01 %'
  return digits(n) + ' %'
}

export function milliseconds(ns: string | number): number {
  return typeof ns === 'number' ? ns / 1e6 : Number(BigInt(ns || '0') / 1000n) / 1000
}

function pad(n: number, width = 2): string {
  return String(n).padStart(width, '0')
}

interface Clock {
  utc: boolean
}

/** 14:25:18.237213 in local time, or UTC. */
export function clock(ns: string, { utc }: Clock, fraction = 6): string {
  const at = new Date(milliseconds(ns))
  const time = utc
    ? `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`
    : `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`
  return fraction ? time + '.' + ns.padStart(19, '0').slice(-9).slice(0, fraction) : time
}

export function day(ns: string, { utc }: Clock): string {
  const at = new Date(milliseconds(ns))
  return utc
    ? `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`
    : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`
}

export function moment(ns: string | null | undefined, how: Clock, fraction = 3): string {
  return ns ? day(ns, how) + ' ' + clock(ns, how, fraction) : '–'
}

/** How long ago, one unit. */
export function ago(ns: string | null | undefined, now: number): string {
  if (!ns) return '–'
  const seconds = Math.max(0, (now - milliseconds(ns)) / 1000)
  if (seconds < 2) return 'now'
  if (seconds < 120) return Math.round(seconds) + ' s ago'
  if (seconds < 7200) return Math.round(seconds / 60) + ' m ago'
  if (seconds < 172800) return Math.round(seconds / 3600) + ' h ago'
  return Math.round(seconds / 86400) + ' days ago'
}

/** The end of a function's name, for narrow places: desk.(*desk).submit of a longer path. */
export function shortName(process: string): string {
  return process.slice(process.lastIndexOf('/') + 1)
}

/** Where a function is, by its package: the folder of the build says nothing elsewhere. */
export function place(pkg: string, file: string, line: number): string {
  return pkg + '/' + file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1) + ':' + line
}

/** One of eight hues for a group's name, always the same. */
export function hue(name: string): number {
  let hash = 2166136261
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619)
  return (hash >>> 0) % 8
}
