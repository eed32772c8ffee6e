// What the server answers: docs/api.md has the words to it. Times are decimal
// text (they exceed 2^53), durations numbers, both in nanoseconds.

export interface Value {
  name: string
  type: string
  text: string
  cut?: boolean
  masked?: boolean
  value?: unknown
}

export interface Call {
  call: string
  parent: string | null
  trace: string
  func: number | null
  process: string
  group: string
  start_ns: string
  duration_ns: number | null
  status: 'OK' | 'ERR'
  panic: boolean
  exception: string | null
  depth: number
  goroutine: number
  arguments: Value[]
  results: Value[]
}

export interface CallDetail extends Call {
  stack: string | null
  open: boolean
  children: number
  function: { id: number; name: string; package: string; file: string; line: number; signature: string } | null
}

export interface ValueRow {
  call: string
  process: string
  data: string
  data_type: 'INPUT' | 'OUTPUT'
  data_value: string
  type: string
  start_ns: string
  status: 'OK' | 'ERR'
  exception: string | null
}

export interface Page<Row> {
  rows: Row[]
  next: string | null
  prev: string | null
  top: string | null
  rank: number | null
  total: number
  exact: boolean
}

export interface TreeNode extends Call {
  children: number
  shown: number
  missing?: boolean
  self_ns: number | null
}

export interface Tree {
  root: string
  start_ns: string
  duration_ns: number | null
  total: number
  loaded: number
  errors: number
  nodes: TreeNode[]
}

export interface Span {
  call: string
  func: number | null
  lane: number
  depth: number
  x: number
  w: number
  n: number
  errors: number
}

export interface Flame {
  root: string
  start_ns: string
  duration_ns: number
  x0: number
  x1: number
  total: number
  depth: number
  lanes: { goroutine: number; depth: number }[]
  funcs: Record<string, { process: string; group: string }>
  spans: Span[]
  truncated: boolean
}

export type Mode = 'off' | 'timing' | 'args' | 'full'

/** What running processes record of a function; without a sample it is what its directive says. */
export interface Controlled {
  process: string
  group: string
  mode: Mode
  sample: number | null
  /** Somebody has changed it. */
  set: boolean
  /** Living processes that have the function. */
  running: number
}

export interface Statistics {
  calls: number
  errors: number
  dropped?: number
  total_ns: number
  mean_ns: number | null
  p50_ns: number | null
  p95_ns: number | null
  p99_ns: number | null
  max_ns: number | null
}

export interface FuncRow extends Statistics {
  id: number
  process: string
  group: string
  name: string
  package: string
  file: string
  line: number
  first_ns: string
  last_ns: string
  control: Controlled | null
}

export interface Point {
  t_ns: string
  calls: number
  errors: number
  p50_ns: number | null
  p95_ns: number | null
  p99_ns: number | null
}

export interface Link {
  id: number | null
  process: string
  group: string
  calls: number
  errors: number
  total_ns: number
}

export interface Func {
  id: number
  process: string
  group: string
  name: string
  package: string
  file: string
  line: number
  signature: string
  options: string
  data: { name: string; type: string; output?: boolean }[]
  versions: { id: number; line: number; calls: number }[]
  stats: Statistics & { first_ns: string | null; last_ns: string | null }
  step_ns: number
  series: Point[]
  histogram: { low_ns: number; high_ns: number; calls: number }[]
  callers: Link[]
  callees: Link[]
  errors: ErrorGroup[]
  examples: { newest: Call[]; slowest: Call[]; failed: Call[] }
}

export interface Source {
  id: number
  file: string
  line: number
  directive: string
  text: string
  lines: { line: number; tokens: { k: string; t: string }[] }[]
}

export interface ErrorGroup {
  fingerprint: string
  func: number | null
  process: string
  group: string
  panic: boolean
  text: string
  normalised: string
  count: number
  first_ns: string
  last_ns: string
  runs: number
  example: string
  trend: number[]
}

export interface ErrorDetail extends ErrorGroup {
  rows: Call[]
  values: { name: string; top: { text: string; count: number }[]; distinct: number }[]
}

export interface Lane {
  lane: string
  /** Bytes that are not stored yet; null if nobody tells. */
  waiting_bytes: number | null
  enqueued: number
  overflowed: number
  recovered: number
  dropped: number
  bytes: number
  bound?: number
  used_max?: number
  warnings?: number
}

export interface Metrics {
  now_ns: string
  state: 'OK' | 'DELAYED' | 'CIRCUIT_OPEN' | null
  rate: number
  error_rate: number
  last_write_ns: string | null
  write_lag_ns: number | null
  database_bytes: number
  sinks: { pid: number; host: string; program: string; state: string; breaker: string; failures: number; error: string; behind_ns: number }[]
  lanes: Lane[]
  processes?: { run: number; pid: number; program: string; cpu: number; rss_bytes: number; heap_bytes: number; goroutines: number; at_ns: string }[]
  clients?: { connected: number; skipped: number }
}

export interface Overview {
  from_ns: string
  to_ns: string
  step_ns: number
  precision: string
  totals: { calls: number; errors: number; dropped: number; functions: number; p50_ns: number | null; p95_ns: number | null; p99_ns: number | null; max_ns: number | null }
  series: Point[]
  groups: { group: string; calls: number; errors: number; total_ns: number; p95_ns: number | null; functions: number }[]
  functions: FuncRow[]
  errors: ErrorGroup[]
  metrics: Metrics
}

export interface Heatmap {
  from_ns: string
  to_ns: string
  step_ns: number
  rows: { low_ns: number; high_ns: number }[]
  /** Column, row, calls. */
  cells: [number, number, number][]
  /** Column, failed calls. */
  errors: [number, number][]
  max: number
  precision: string
}

export interface GraphNode {
  id: string
  func: number | null
  name: string
  group: string
  calls: number
  errors: number
  rate: number | null
  total_ns: number
  p95_ns: number | null
  last_ns: string | null
  stale: boolean
}

export interface GraphEdge {
  from: string
  to: string
  calls: number
  errors: number
  rate: number | null
  total_ns: number
  p95_ns: number | null
  last_ns: string | null
}

export interface Graph {
  by: string
  nodes: GraphNode[]
  edges: GraphEdge[]
  total: number
  truncated: boolean
  precision: string
}

export interface CompareSide extends Omit<Statistics, 'dropped'> {
  error_rate: number | null
}

export interface CompareRow {
  process: string
  group: string
  id: number | null
  state: 'both' | 'new' | 'gone'
  a: CompareSide | null
  b: CompareSide | null
  change: Record<string, number | null> | null
}

export interface Comparison {
  a: { q: string; calls: number; errors: number; from_ns: string | null; to_ns: string | null }
  b: { q: string; calls: number; errors: number; from_ns: string | null; to_ns: string | null }
  rows: CompareRow[]
  precision: string
}

export interface Run {
  run: number
  uuid: string
  session: string
  program: string
  args: string[]
  pid: number
  host: string
  go_version: string
  os: string
  module: string
  started_ns: string
  last_ns: string | null
  ended_ns: string | null
  living: boolean
  undrained: boolean
  calls: number
  errors: number
  dropped: number
  open: number
}

export interface Health {
  status: string
  version: string
  database: string
  schema: number
  bytes: number
  calls: number
  runs: number
  functions: number
  now_ns: string
  control: boolean
  alerts: boolean
  rollups: boolean
}

export interface SqlAnswer {
  columns: string[]
  rows: unknown[][]
  truncated: boolean
  elapsed_ns: number
}

export interface Rule {
  name: string
  func?: string
  group?: string
  measure: string
  op?: string
  threshold: string
  window: string
  value?: string
  webhook?: string
  disabled?: boolean
}

export interface RuleState extends Rule {
  state: 'ok' | 'firing' | 'unknown'
  current?: string | null
  since_ns: string | null
  checked_ns: string | null
  error: string | null
}

export interface AlertEvent {
  id: number
  rule: string
  state: string
  value: string
  threshold: string
  at_ns: string
  call: string | null
  webhook: string
  detail: string
}

export interface Explained {
  sql: string
  args: unknown[]
  terms: { text: string; start: number; end: number }[]
}
