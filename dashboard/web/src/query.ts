// Adds to and takes from a query what a click means.

/** A value as the query language quotes it. */
export function quote(text: string): string {
  return /^[A-Za-z0-9_.*()[\]/-]+$/.test(text) && !text.startsWith('-') ? text : JSON.stringify(text)
}

/** The query's terms: blanks separate them, except within quotes. */
export function terms(q: string): string[] {
  return q.match(/(?:"(?:\\.|[^"\\])*"|\S)+/g) ?? []
}

export function withTerm(q: string, term: string): string {
  const all = terms(q)
  return all.includes(term) ? q : [...all, term].join(' ')
}

export function without(q: string, test: (term: string) => boolean): string {
  return terms(q)
    .filter((term) => !test(term))
    .join(' ')
}

export function isErrorTerm(term: string): boolean {
  return term === 'err' || term === 'status:err'
}
