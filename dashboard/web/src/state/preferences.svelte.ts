// What a person set for this browser, not for this view: kept beside the page,
// not in its address. Storage may be switched off; then it holds until reload.

type Theme = 'system' | 'dark' | 'light'

function kept(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

function keep(name: string, value: string) {
  try {
    localStorage.setItem(name, value)
  } catch {
    // Storage is off.
  }
}

const system = matchMedia('(prefers-color-scheme: dark)')

class Preferences {
  theme = $state<Theme>((document.documentElement.dataset.theme as Theme) || 'system')
  /** Whether single keys do something: some people's software types them (WCAG 2.1.4). */
  singleKeys = $state(kept('keys') !== 'off')
  utc = $state(kept('clock') === 'utc')
  private systemDark = $state(system.matches)
  dark = $derived(this.theme === 'dark' || (this.theme === 'system' && this.systemDark))

  constructor() {
    system.addEventListener('change', () => (this.systemDark = system.matches))
  }

  setTheme(theme: Theme) {
    this.theme = theme
    keep('theme', theme)
    if (theme === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
  }

  setSingleKeys(on: boolean) {
    this.singleKeys = on
    keep('keys', on ? 'on' : 'off')
  }

  setUTC(on: boolean) {
    this.utc = on
    keep('clock', on ? 'utc' : 'local')
  }
}

export const preferences = new Preferences()
