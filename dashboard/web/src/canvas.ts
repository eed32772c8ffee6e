// What all canvases share: sharp pixels, and colours from the style sheet.

/** Sizes a canvas to its place and returns a context that counts in CSS pixels. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = devicePixelRatio || 1
  const w = Math.max(1, Math.round(width * ratio))
  const h = Math.max(1, Math.round(height * ratio))
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w
    canvas.height = h
  }
  const context = canvas.getContext('2d')
  context?.setTransform(ratio, 0, 0, ratio, 0, 0)
  context?.clearRect(0, 0, width, height)
  return context
}

export interface Palette {
  text: string
  soft: string
  line: string
  accent: string
  err: string
  warn: string
  ok: string
  surface: string
  raised: string
  chosen: string
  heat: string
  hues: string[]
  font: string
}

/** The tokens of app.css as they are now; `dark` is there so that callers depend on it. */
export function palette(_dark: boolean): Palette {
  const style = getComputedStyle(document.documentElement)
  const token = (name: string) => style.getPropertyValue('--' + name).trim()
  return {
    text: token('text'),
    soft: token('soft'),
    line: token('line'),
    accent: token('accent'),
    err: token('err'),
    warn: token('warn'),
    ok: token('ok'),
    surface: token('surface'),
    raised: token('raised'),
    chosen: token('chosen'),
    heat: token('heat'),
    hues: Array.from({ length: 8 }, (_, i) => token('hue' + i)),
    font: '11px ' + token('sans'),
  }
}
