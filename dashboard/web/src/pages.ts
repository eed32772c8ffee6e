// All pages: where they are, how they are called, and which keys lead there.
// Each is loaded when it is first shown.

import type { Component } from 'svelte'

interface PageEntry {
  path: string
  title: string
  keys?: string
  load: () => Promise<{ default: Component<any> }>
}

export const pages: PageEntry[] = [
  { path: '/', title: 'Overview', keys: 'g o', load: () => import('./pages/Overview.svelte') },
  { path: '/calls', title: 'Calls', keys: 'g c', load: () => import('./pages/Calls.svelte') },
  { path: '/funcs', title: 'Functions', keys: 'g f', load: () => import('./pages/Functions.svelte') },
  { path: '/errors', title: 'Errors', keys: 'g e', load: () => import('./pages/Errors.svelte') },
  { path: '/graph', title: 'Graph', keys: 'g g', load: () => import('./pages/Graph.svelte') },
  { path: '/compare', title: 'Compare', keys: 'g m', load: () => import('./pages/Compare.svelte') },
  { path: '/alerts', title: 'Alerts', keys: 'g a', load: () => import('./pages/Alerts.svelte') },
  { path: '/sql', title: 'SQL', keys: 'g s', load: () => import('./pages/Sql.svelte') },
  { path: '/runs', title: 'Runs', keys: 'g r', load: () => import('./pages/Runs.svelte') },
  { path: '/settings', title: 'Settings', keys: 'g ,', load: () => import('./pages/Settings.svelte') },
  { path: '/funcs/:id', title: 'Function', load: () => import('./pages/Function.svelte') },
  { path: '/traces/:root', title: 'Trace', load: () => import('./pages/Trace.svelte') },
  { path: '/errors/:fingerprint', title: 'Error', load: () => import('./pages/ErrorGroup.svelte') },
]
