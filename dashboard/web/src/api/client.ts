// How the page asks the server. Every failure becomes a Problem that says what
// happened and what to do, as the server's problem documents (RFC 9457) do.

export class Problem extends Error {
  title: string
  status: number
  detail: string
  constructor(title: string, status: number, detail: string) {
    super(detail || title)
    this.title = title
    this.status = status
    this.detail = detail
  }
}

type Values = Record<string, string | number | boolean | null | undefined>

export function address(path: string, values: Values = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== '' && value !== false) params.set(name, value === true ? '1' : String(value))
  }
  const text = params.toString()
  return '/api/v1/' + path + (text ? '?' + text : '')
}

export async function get<T>(path: string, values: Values = {}, signal?: AbortSignal): Promise<T> {
  return ask<T>(address(path, values), { signal: signal ?? null })
}

export async function send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return ask<T>(address(path), {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? null,
  })
}

async function ask<T>(url: string, init: RequestInit): Promise<T> {
  let answer: Response
  try {
    answer = await fetch(url, init)
  } catch (err) {
    if (err instanceof DOMException && err.name === 'AbortError') throw err
    throw new Problem('The server does not answer', 0, 'Is monitorgen serve still running? The page tries again when you do.')
  }
  if (!answer.ok) throw await problem(answer)
  if (answer.status === 204) return undefined as T
  return (await answer.json()) as T
}

async function problem(answer: Response): Promise<Problem> {
  const text = await answer.text()
  try {
    const told = JSON.parse(text) as { title?: string; detail?: string }
    return new Problem(told.title ?? answer.statusText, answer.status, told.detail ?? '')
  } catch {
    return new Problem(answer.statusText || 'Error ' + answer.status, answer.status, text.slice(0, 500))
  }
}

export function aborted(err: unknown): boolean {
  return err instanceof DOMException && err.name === 'AbortError'
}
