// One table of all keys: what handles them and what `?` lists are the same.

import { untrack } from 'svelte'
import { preferences } from './preferences.svelte'

export interface Key {
  /** One key, or two with a blank between, pressed one after the other. */
  keys: string
  does: string
  run: (event: KeyboardEvent) => void
  /** Heading under which the list shows it. */
  of?: string
}

class Keys {
  private layers = $state.raw<Key[][]>([])
  private first = ''
  private firstAt = 0

  get all(): Key[] {
    return this.layers.flat()
  }

  /** Adds keys until the function that it returns is called; later ones win. */
  add(keys: Key[]): () => void {
    this.layers = [...untrack(() => this.layers), keys]
    return () => {
      this.layers = untrack(() => this.layers).filter((layer) => layer !== keys)
    }
  }

  handle(event: KeyboardEvent) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    const target = event.target as HTMLElement | null
    if (target?.closest('input, textarea, select, [contenteditable]')) return
    if (document.querySelector('dialog[open]') && event.key !== '?') return
    if (event.key.length === 1 && !preferences.singleKeys) return
    const chord = Date.now() - this.firstAt < 1500 ? this.first + ' ' + event.key : ''
    this.first = ''
    const found = this.find(chord) ?? this.find(event.key)
    if (found) {
      event.preventDefault()
      found.run(event)
    } else if (this.all.some((key) => key.keys.startsWith(event.key + ' '))) {
      this.first = event.key
      this.firstAt = Date.now()
    }
  }

  private find(keys: string): Key | undefined {
    return keys ? this.all.findLast((key) => key.keys === keys) : undefined
  }
}

export const keys = new Keys()

/** For a component: these keys work while it is there. */
export function useKeys(list: () => Key[]) {
  $effect(() => keys.add(list()))
}
