// The address bar is the state of the page: whatever a person chose is read
// from here and written to here, so that any view can be linked and reloaded.

type Changes = Record<string, string | number | boolean | null | undefined>

/** What stays when a person goes from one page to another: what is being looked at. */
const carried = ['q', 'run', 'from', 'to', 'theme']

class Route {
  path = $state(location.pathname)
  search = $state(location.search)
  private params = $derived(new URLSearchParams(this.search))

  constructor() {
    addEventListener('popstate', () => this.read())
  }

  private read() {
    this.path = location.pathname
    this.search = location.search
  }

  get(name: string, fallback = ''): string {
    return this.params.get(name) ?? fallback
  }

  /** The address of this page with parameters changed; empty ones leave it. */
  with(changes: Changes): string {
    const params = new URLSearchParams(this.params)
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === '' || value === false) params.delete(name)
      else params.set(name, value === true ? '1' : String(value))
    }
    const text = params.toString()
    return this.path + (text ? '?' + text : '')
  }

  /** The address of another page with what is carried from page to page. */
  to(path: string, changes: Changes = {}): string {
    const params = new URLSearchParams()
    for (const name of carried) {
      const value = this.params.get(name)
      if (value) params.set(name, value)
    }
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === '' || value === false) params.delete(name)
      else params.set(name, value === true ? '1' : String(value))
    }
    const text = params.toString()
    return path + (text ? '?' + text : '')
  }

  set(changes: Changes, how: 'push' | 'replace' = 'replace') {
    this.open(this.with(changes), how)
  }

  open(href: string, how: 'push' | 'replace' = 'push') {
    if (href === location.pathname + location.search) return
    if (how === 'push') history.pushState(null, '', href)
    else history.replaceState(null, '', href)
    const before = this.path
    this.read()
    if (how === 'push' && before !== this.path) scrollTo(0, 0)
  }
}

export const route = new Route()

/** Makes links of this site change the page without loading it anew. */
export function followLinks(event: MouseEvent) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link?.href || link.target || link.hasAttribute('download') || link.origin !== location.origin) return
  if (link.pathname.startsWith('/api/')) return
  event.preventDefault()
  route.open(link.pathname + link.search)
}

/** The part of a path that `pattern` calls by a name, as /functions/:id does; null where it does not match. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split('/')
  const have = path.replace(/\/+$/, '').split('/')
  if (path === '/') have.length = 2, have[1] = ''
  if (want.length !== have.length) return null
  const found: Record<string, string> = {}
  for (const [i, part] of want.entries()) {
    const is = have[i] ?? ''
    if (part.startsWith(':')) found[part.slice(1)] = decodeURIComponent(is)
    else if (part !== is) return null
  }
  return found
}
